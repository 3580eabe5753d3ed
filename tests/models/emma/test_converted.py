"""Folders of transformers' own LLaVA through our engine: the answers that transformers gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as tf
from PIL import Image

from emma_eval.models import find_model, load_model
from emma_eval.models.base import ModelSpec
from emma_eval.models.multimodal.runner import ModelRunner
from tests.fakes import make_image, request
from tests.models.answers import refused
from tests.models.damaged_checkpoints import add, edit_shards
from tests.models.emma.tiny_conversions import LLAVA_HF, by_transformers, change, rename, write

LIMIT = 12


@pytest.fixture(autouse=True)
def bare_template() -> None:
    """Here templates are as they are."""


def load(folder: Path, **options: str) -> ModelRunner:
    return load_model(str(folder), device="cpu", dtype="float32", options=options)


def compare(folder: Path, message: str, *images: Image.Image, **options: str) -> tuple[int, ...]:
    """Answer by both; our new ids."""
    runner = load(folder, **options)
    ours = runner.ask([request(message, *images, limit=LIMIT)])[0]
    ids, text = by_transformers(folder, runner.render_prompt(message), list(images), LIMIT)
    assert list(ours.token_ids) == ids
    assert ours.text == text
    assert len(set(ids)) > 3
    return ours.token_ids


QUESTION = "<image>\nWhat is on the left?"
SETTINGS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "names since 4.52": {"save": {"save_original_format": False}},
    "several shards": {"save": {"max_shard_size": "60KB"}},
    "float16": {"dtype": torch.float16},
    "with the class token": {"vision_feature_select_strategy": "full"},
    "last vision layer": {"vision_feature_layer": -1},
    "a list of one layer, counted from the front": {"vision_feature_layer": [1]},
    "tied embeddings": {"text": {"tie_word_embeddings": True}},
    "mistral": {"text": {"model_type": "mistral", "sliding_window": None}},
    "mistral's window": {"text": {"model_type": "mistral", "sliding_window": 11}},
    "no chat template": {"chat_template": None},
    "an image processor that pads": {"image_processor": tf.LlavaImageProcessor, "images": {"do_pad": True}},
    "LLaVA's image processor, which crops": {"image_processor": tf.LlavaImageProcessor},
    "another size before the crop": {"images": {"size": {"shortest_edge": 40}, "resample": 2}},
    "other mean and deviation": {"images": {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}},
}


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_answers_are_those_of_transformers(settings: dict[str, Any], tmp_path: Path) -> None:
    folder = write(tmp_path / "hf", **settings)
    one = compare(folder, QUESTION, make_image(50, 30))
    other = compare(folder, QUESTION, make_image(31, 90, seed=5).convert("L"))
    assert one != other


LAYOUTS: dict[str, Callable[[str], str]] = {
    "before transformers 5": lambda name: name.replace("vision_tower.", "vision_tower.vision_model."),
    "before transformers 5, saved from training": lambda name: (
        f"module.{name.replace('vision_tower.', 'vision_tower.vision_model.')}"
    ),
    "since 4.52, with vision_model": lambda name: (
        name.replace("language_model.lm_head", "lm_head")
        .replace("language_model.model", "model.language_model")
        .replace("vision_tower.", "model.vision_tower.vision_model.")
        .replace("multi_modal", "model.multi_modal")
    ),
}


@pytest.mark.parametrize("new_name", LAYOUTS.values(), ids=LAYOUTS)
def test_names_of_all_versions_are_read(new_name: Callable[[str], str], tmp_path: Path) -> None:
    folder = write(tmp_path / "hf")
    expected = compare(folder, QUESTION, make_image())
    rename(folder, new_name)
    answer = load(folder).ask([request(QUESTION, make_image(), limit=LIMIT)])[0]
    assert answer.token_ids == expected


def test_texts_alone_several_images_and_batches(tmp_path: Path) -> None:
    folder = write(tmp_path / "hf")
    cases: list[tuple[str, list[Image.Image]]] = [
        ("Tell me a joke", []),
        ("  spaces   and <image> in  the middle", [make_image(40, 40)]),
        ("<image>\nHere <image>\nand there: what differs?", [make_image(), make_image(60, 35, seed=2)]),
        ("<image>\nDéjà vu, 北京 and </s> too?", [make_image(seed=3)]),
    ]
    single = [compare(folder, message, *images) for message, images in cases]
    together = load(folder).ask([request(message, *images, limit=LIMIT) for message, images in cases])
    assert [answer.token_ids for answer in together] == single


def test_an_end_id_ends_the_answer(tmp_path: Path) -> None:
    folder = write(tmp_path / "hf")
    ids = compare(folder, QUESTION, make_image())
    change(folder / "generation_config.json", eos_token_id=[2, ids[3]])
    stopped = load(folder).ask([request(QUESTION, make_image(), limit=LIMIT)])[0].token_ids
    assert stopped == ids[: ids.index(ids[3]) + 1]
    assert by_transformers(folder, load(folder).render_prompt(QUESTION), [make_image()], LIMIT)[0] == list(stopped)
    (folder / "generation_config.json").unlink()
    config = tf.AutoConfig.from_pretrained(folder).to_dict()["text_config"]
    change(folder / "config.json", text_config=config | {"eos_token_id": ids[2]})
    assert load(folder).eos_ids == {ids[2]}


def test_files_of_earlier_versions_are_read(tmp_path: Path) -> None:
    """preprocessor_config.json, chat_template.json; no settings of images in processor_config.json."""
    folder = write(tmp_path / "hf", images={"size": {"shortest_edge": 40}})
    expected = compare(folder, QUESTION, make_image())
    processor = tf.AutoProcessor.from_pretrained(folder)
    processor.image_processor.save_pretrained(folder)
    (folder / "processor_config.json").write_text('{"processor_class": "LlavaProcessor", "patch_size": 7}')
    (folder / "chat_template.jinja").unlink()
    (folder / "chat_template.json").write_text("{}")
    change(folder / "chat_template.json", chat_template=LLAVA_HF)
    loaded = load(folder)
    assert loaded.ask([request(QUESTION, make_image(), limit=LIMIT)])[0].token_ids == expected
    assert "conversation template llava_hf (as chat_template.json has it)" in loaded.summary


def test_the_run_says_what_was_built(tmp_path: Path) -> None:
    folder = write(tmp_path / "hf", text={"model_type": "mistral", "sliding_window": 11})
    assert load(folder).summary == (
        "LLaVA-1.5 (no alignment module): Mistral of 2 layers x 32, projector mlp2x_gelu, vision tower its own layer "
        "-2, images not padded, float32 on cpu; transformers' layout; conversation template llava_hf "
        "(as chat_template.jinja has it); sliding window of 11 tokens applied"
    )


VICUNA = (
    "{{ bos_token }}A chat between a curious user and an artificial intelligence assistant. The assistant gives "
    "helpful, detailed, and polite answers to the user's questions. {% for message in messages %}"
    "USER: {% for part in message.content %}{{ '<image>\n' if part.type == 'image' else part.text }}{% endfor %}"
    "{% endfor %} ASSISTANT:"
)


def test_which_template_is_used_and_why(tmp_path: Path) -> None:
    folder = write(tmp_path / "hf", chat_template=VICUNA)
    assert "template vicuna_v1 (as chat_template.jinja has it)" in load(folder).summary
    assert "template llava_v0 (--model-option template)" in load(folder, template="llava_v0").summary
    (folder / "chat_template.jinja").write_text("{{ messages[0].content[0].text }}")
    message = refused(folder)
    assert "chat_template.jinja: its chat template is none of those known here (vicuna_v1, " in message
    assert f"template=NAME, or --model hf:{folder}" in message
    assert "template plain" in load(folder, template="plain").summary
    (folder / "chat_template.jinja").unlink()
    assert "template vicuna_v1 (the default)" in load(folder).summary


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        (
            {"model_type": "llava_next", "architectures": ["LlavaNextForConditionalGeneration"]},
            "model_type 'llava_next'",
        ),
        ({"model_type": "vipllava", "architectures": ["VipLlavaForConditionalGeneration"]}, "model_type 'vipllava'"),
        ({"model_type": "llava_onevision"}, "model_type 'llava_onevision' is not supported"),
        ({"vision_feature_layer": [-2, -3]}, "vision_feature_layer [-2, -3] must be an integer"),
        ({"vision_feature_layer": -9}, "vision_feature_layer -9 does not exist"),
        ({"projector_hidden_act": "silu"}, "projector_hidden_act 'silu' is not supported"),
        ({"multimodal_projector_bias": False}, "multimodal_projector_bias False is not supported"),
        ({"quantization_config": {"quant_method": "awq"}}, "quantization_config is not supported"),
        ({"vision_config": None}, "vision_config is missing"),
        ({"vision_config": {"model_type": "siglip_vision_model"}}, "model_type 'siglip_vision_model' is not"),
        ({"text_config": {"model_type": "qwen2"}}, "model_type 'qwen2' is not supported (llama, mistral)"),
        ({"text_config": {"attention_bias": True}}, "attention_bias True is not supported"),
        ({"image_token_index": 447}, "image_token_index 447 of config.json is no token of its tokenizer"),
        ({"text_config": {"hidden_size": 64}}, "has shape"),
    ],
)
def test_what_is_not_computed_is_refused(changes: dict[str, Any], fragment: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "hf")
    change(folder / "config.json", **changes)
    message = refused(folder)
    assert fragment in message
    if "is not supported" in message:
        assert f"--model hf:{folder}" in message


def test_an_adapter_of_a_conversion_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "hf")
    (folder / "model.safetensors").unlink()
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    (folder / "adapter_model.bin").write_bytes(b"")
    for options in ({}, {"base": str(tmp_path)}):
        message = refused(folder, **options)
        assert "a LoRA adapter of a conversion for transformers is not merged here" in message


def test_weights_and_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "hf")
    edit_shards(folder, add("language_model.model.layers.0.self_attn.q_norm.weight"))
    assert "nothing here reads tensor model.layers.0.self_attn.q_norm.weight" in refused(folder)
    edit_shards(folder, add("lm_head.weight", 448, 32))
    assert "is there under another name too" in refused(folder)
    change(folder / "processor_config.json", image_processor={"do_center_crop": False})
    assert "processor_config.json: do_center_crop: false" in refused(folder)
    (folder / "processor_config.json").unlink()
    (folder / "tokenizer.json").unlink()
    assert "tokenizer.json is missing" in refused(folder)
    (folder / "tokenizer.json").write_text("{}")
    assert "transformers cannot load its tokenizer" in refused(folder)


@pytest.mark.parametrize(
    "part", ["model.safetensors", "tokenizer.json", "processor_config.json", "chat_template.jinja"]
)
def test_every_file_is_in_the_fingerprint(part: str, tmp_path: Path) -> None:
    folder = write(tmp_path / "hf")
    before = find_model(ModelSpec(str(folder))).fingerprint()
    with (folder / part).open("ab") as file:
        file.write(b" ")
    assert find_model(ModelSpec(str(folder))).fingerprint() != before
    assert find_model(ModelSpec(str(folder), options={"template": "plain"})).fingerprint() != before
