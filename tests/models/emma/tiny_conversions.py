"""Tiny random folders of transformers' own LLaVA, as `save_pretrained` writes them, and what transformers answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sentencepiece
import torch
import transformers as tf
from PIL import Image
from safetensors.torch import load_file, save_file

from tests.tiny_checkpoint import DATA

TEXT = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "bos_token_id": 1, "eos_token_id": 2, "max_position_embeddings": 4096, "vocab_size": 448,
}  # fmt: skip
VISION = {
    "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 28,
    "patch_size": 7,
}  # fmt: skip
SQUARE = {"size": {"shortest_edge": 28}, "crop_size": {"height": 28, "width": 28}}
IMAGE, PAD = "<image>", "<pad>"
LLAVA_HF = (  # in the manner of llava-hf's folders: images first, then texts
    "{% for message in messages %}{{ message['role'].upper() + ': ' }}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{{ content['text'] + ' ' }}{% endfor %}{% endfor %}{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)


def tokenizer() -> Any:
    """LLaMA's, with the pieces of tokenizer.model and the tokens that conversions add; it saves no tokenizer.model."""
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(DATA / "tokenizer.model"))
    vocabulary = {pieces.id_to_piece(index): index for index in range(pieces.get_piece_size())}
    merges = [
        (piece[:cut], piece[cut:])
        for piece in vocabulary
        for cut in range(1, len(piece))
        if not piece.startswith("<") and piece[:cut] in vocabulary and piece[cut:] in vocabulary
    ]
    made = tf.LlamaTokenizer(vocabulary, merges)
    made.add_special_tokens({"additional_special_tokens": [IMAGE], "pad_token": PAD})
    return made


def write(
    folder: Path,
    *,
    text: dict[str, Any] | None = None,
    images: dict[str, Any] | None = None,
    image_processor: Callable[..., Any] = tf.CLIPImageProcessor,
    chat_template: str | None = LLAVA_HF,
    dtype: torch.dtype = torch.float32,
    save: dict[str, Any] | None = None,
    **config: Any,
) -> Path:
    """A conversion; `text`, `images` and the rest change the settings of its parts."""
    torch.manual_seed(0)
    text = TEXT | (text or {})
    kind = tf.MistralConfig if text.pop("model_type", "llama") == "mistral" else tf.LlamaConfig
    made = tokenizer()
    model = tf.LlavaForConditionalGeneration(
        tf.LlavaConfig(
            vision_config=tf.CLIPVisionConfig(**VISION), text_config=kind(**text),
            image_token_index=made.convert_tokens_to_ids(IMAGE), **config,
        )
    )  # fmt: skip
    with torch.no_grad():
        for parameter in model.parameters():  # of std 0.02 every answer would be the same
            if parameter.ndim > 1:
                parameter.normal_(std=0.25)
    model.generation_config = tf.GenerationConfig(eos_token_id=2, pad_token_id=0, bos_token_id=1)
    model.to(dtype).save_pretrained(folder, **(save or {}))
    strategy = config.get("vision_feature_select_strategy", "default")
    tf.LlavaProcessor(
        image_processor(**(SQUARE | (images or {}))), made, patch_size=7, vision_feature_select_strategy=strategy,
        num_additional_image_tokens=1, chat_template=chat_template,
    ).save_pretrained(folder)  # fmt: skip
    return folder


def rename(folder: Path, new_name: Callable[[str], str]) -> None:
    path = folder / "model.safetensors"
    save_file({new_name(name): tensor for name, tensor in load_file(path).items()}, path)


def change(path: Path, **settings: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def by_transformers(folder: Path, prompt: str, images: list[Image.Image], limit: int) -> tuple[list[int], str]:
    """The new ids of transformers' own generate, and their text."""
    model = tf.LlavaForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    processor = tf.AutoProcessor.from_pretrained(folder, backend="pil")
    inputs = processor(images=images or None, text=prompt, return_tensors="pt")
    new = model.generate(**inputs, do_sample=False, max_new_tokens=limit)[0, inputs["input_ids"].shape[1] :]
    return new.tolist(), processor.decode(new, skip_special_tokens=True).strip()
