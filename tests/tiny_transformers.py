"""Tiny random checkpoints of several architectures, as `save_pretrained` writes them: a second each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers as tf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

SPECIAL = [
    "<pad>", "<s>", "</s>", "<image>", "<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>", "<img>",
    "</img>", "<IMG_CONTEXT>", "<video>", "<fake_token_around_image>", "<end_of_utterance>", "<global-img>",
    *(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)),
]  # fmt: skip
ID = {token: index for index, token in enumerate(SPECIAL)}
VOCABULARY = len(SPECIAL) + 256
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ message.role }}: {% for part in message.content %}"
    "{% if part.type == 'image' %}IMAGE{% else %}{{ part.text }}{% endif %}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %} assistant:{% endif %}"
)
TEXT = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    "max_position_embeddings": 4096,
}  # fmt: skip
VISION = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 28,
    "patch_size": 14,
}  # fmt: skip
SQUARE = {"size": {"shortest_edge": 28}, "crop_size": {"height": 28, "width": 28}}


def tokenizer(**named: str) -> Any:
    """One token for a byte, and the special tokens of all architectures."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = ID | {letter: len(SPECIAL) + index for index, letter in enumerate(letters)}
    core = Tokenizer(models.BPE(vocabulary, []))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens(SPECIAL)
    return tf.PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", bos_token="<s>", eos_token="</s>", extra_special_tokens=named
    )


def llava() -> tuple[Any, Any]:
    vision, text = tf.CLIPVisionConfig(**VISION), tf.LlamaConfig(**TEXT)
    config = tf.LlavaConfig(vision_config=vision, text_config=text, image_token_index=ID["<image>"])
    processor = tf.LlavaProcessor(
        tf.CLIPImageProcessor(**SQUARE), tokenizer(), patch_size=14, vision_feature_select_strategy="default",
        num_additional_image_tokens=1, chat_template=TEMPLATE.replace("IMAGE", "<image>"),
    )  # fmt: skip
    return tf.LlavaForConditionalGeneration(config), processor


def llava_next() -> tuple[Any, Any]:
    grid = [[28, 56], [56, 28], [56, 56]]
    vision, text = tf.CLIPVisionConfig(**VISION), tf.LlamaConfig(**TEXT)
    config = tf.LlavaNextConfig(
        vision_config=vision, text_config=text, image_token_index=ID["<image>"], image_grid_pinpoints=grid
    )
    processor = tf.LlavaNextProcessor(
        tf.LlavaNextImageProcessor(**SQUARE, image_grid_pinpoints=grid), tokenizer(), patch_size=14,
        vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template=TEMPLATE.replace("IMAGE", "<image>"),
    )  # fmt: skip
    return tf.LlavaNextForConditionalGeneration(config), processor


def idefics3() -> tuple[Any, Any]:
    config = tf.Idefics3Config(
        vision_config=VISION, text_config={"model_type": "llama", **TEXT}, image_token_id=ID["<image>"], scale_factor=2
    )
    processor = tf.Idefics3Processor(
        tf.Idefics3ImageProcessor(size={"longest_edge": 56}, max_image_size={"longest_edge": 28}), tokenizer(),
        image_seq_len=1, chat_template=TEMPLATE.replace("IMAGE", "<image>"),
    )  # fmt: skip
    return tf.Idefics3ForConditionalGeneration(config), processor


def smolvlm() -> tuple[Any, Any]:
    config = tf.SmolVLMConfig(
        vision_config=VISION, text_config={"model_type": "llama", **TEXT}, image_token_id=ID["<image>"], scale_factor=2
    )
    size = {"size": {"longest_edge": 56}, "max_image_size": {"longest_edge": 28}}
    processor = tf.SmolVLMProcessor(
        tf.SmolVLMImageProcessor(**size), tokenizer(), tf.SmolVLMVideoProcessor(), image_seq_len=1,
        chat_template=TEMPLATE.replace("IMAGE", "<image>"),
    )  # fmt: skip
    return tf.SmolVLMForConditionalGeneration(config), processor


ROPE = {"rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}}
QWEN = {
    "image_token_id": ID["<|image_pad|>"], "video_token_id": ID["<|video_pad|>"],
    "vision_start_token_id": ID["<|vision_start|>"], "vision_end_token_id": ID["<|vision_end|>"],
}  # fmt: skip
QWEN_TEMPLATE = TEMPLATE.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")


def qwen2_vl() -> tuple[Any, Any]:
    vision = {"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "mlp_ratio": 2}
    config = tf.Qwen2VLConfig(vision_config=vision, text_config=TEXT | ROPE, **QWEN)
    return tf.Qwen2VLForConditionalGeneration(config), _qwen(tf.Qwen2VLProcessor)


def qwen2_5_vl() -> tuple[Any, Any]:
    vision = {"depth": 2, "hidden_size": 32, "out_hidden_size": 32, "num_heads": 4, "intermediate_size": 48}
    vision["fullatt_block_indexes"] = [1]
    config = tf.Qwen2_5_VLConfig(vision_config=vision, text_config=TEXT | ROPE, **QWEN)
    return tf.Qwen2_5_VLForConditionalGeneration(config), _qwen(tf.Qwen2_5_VLProcessor)


def _qwen(kind: Any, video: Any = tf.Qwen2VLVideoProcessor) -> Any:
    size = {"shortest_edge": 28 * 28, "longest_edge": 56 * 84}
    return kind(tf.Qwen2VLImageProcessor(size=size), tokenizer(), video(), chat_template=QWEN_TEMPLATE)


def qwen3_vl() -> tuple[Any, Any]:
    vision = {"depth": 2, "hidden_size": 32, "out_hidden_size": 32, "num_heads": 4, "intermediate_size": 48}
    vision |= {"deepstack_visual_indexes": [0, 1], "num_position_embeddings": 64, "patch_size": 14}
    config = tf.Qwen3VLConfig(vision_config=vision, text_config=TEXT | ROPE | {"head_dim": 8}, **QWEN)
    return tf.Qwen3VLForConditionalGeneration(config), _qwen(tf.Qwen3VLProcessor, tf.Qwen3VLVideoProcessor)


def gemma3() -> tuple[Any, Any]:
    """Image tokens see each other both ways; every other layer slides."""
    vision = tf.SiglipVisionConfig(**VISION, vision_use_head=False)
    layers = {"head_dim": 8, "sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"]}
    named = {"boi_token": "<img>", "eoi_token": "</img>", "image_token": "<IMG_CONTEXT>"}
    config = tf.Gemma3Config(
        vision_config=vision, text_config=tf.Gemma3TextConfig(**TEXT | layers), mm_tokens_per_image=1,
        image_token_index=ID["<IMG_CONTEXT>"], boi_token_index=ID["<img>"], eoi_token_index=ID["</img>"],
    )  # fmt: skip
    processor = tf.Gemma3Processor(
        tf.Gemma3ImageProcessor(size={"height": 28, "width": 28}), tokenizer(**named), image_seq_length=1,
        chat_template=TEMPLATE.replace("IMAGE", "<img>"),
    )  # fmt: skip
    return tf.Gemma3ForConditionalGeneration(config), processor


def mllama() -> tuple[Any, Any]:
    """Texts see images by attention across, with a mask of its own."""
    shapes = [[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]]
    vision = {
        "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_global_layers": 1,
        "attention_heads": 4, "image_size": 28, "patch_size": 14, "vision_output_dim": 64,
        "intermediate_layers_indices": [0], "max_num_tiles": 4, "supported_aspect_ratios": shapes,
    }  # fmt: skip
    rope = {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}
    text = TEXT | rope | {"num_hidden_layers": 3, "cross_attention_layers": [1]}
    config = tf.MllamaConfig(vision_config=vision, text_config=text, image_token_index=ID["<image>"])
    processor = tf.MllamaProcessor(
        tf.MllamaImageProcessor(size={"height": 28, "width": 28}, max_image_tiles=4), tokenizer(image_token="<image>"),
        chat_template=TEMPLATE.replace("IMAGE", "<image>"),
    )  # fmt: skip
    return tf.MllamaForConditionalGeneration(config), processor


def internvl() -> tuple[Any, Any]:
    config = tf.InternVLConfig(
        vision_config=VISION, text_config={"model_type": "qwen2", **TEXT}, image_token_id=ID["<IMG_CONTEXT>"],
        image_seq_length=1, tie_word_embeddings=False,
    )  # fmt: skip
    named = {
        "start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }  # fmt: skip
    size = {"height": 28, "width": 28}
    processor = tf.InternVLProcessor(
        tf.GotOcr2ImageProcessor(size=size, crop_to_patches=True, max_patches=4), tokenizer(**named),
        tf.InternVLVideoProcessor(size=size), image_seq_length=1,
        chat_template=TEMPLATE.replace("IMAGE", "<IMG_CONTEXT>"),
    )  # fmt: skip
    return tf.InternVLForConditionalGeneration(config), processor


ARCHITECTURES: dict[str, Callable[[], tuple[Any, Any]]] = {
    build.__name__: build
    for build in (llava, llava_next, idefics3, smolvlm, qwen2_vl, qwen2_5_vl, qwen3_vl, internvl, gemma3, mllama)
}


def write(name: str, folder: Path, **save: Any) -> Path:
    """The checkpoint folder of one architecture."""
    torch.manual_seed(0)
    model, processor = ARCHITECTURES[name]()
    with torch.no_grad():
        for parameter in model.parameters():  # of std 0.02 every answer would be the same
            if parameter.ndim > 1:
                parameter.normal_(std=0.12)
    model.generation_config = tf.GenerationConfig(eos_token_id=2, pad_token_id=0, bos_token_id=1)
    model.save_pretrained(folder, **save)
    processor.save_pretrained(folder)
    return folder
