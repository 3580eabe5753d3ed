"""What an mPLUG-Owl2 folder may be, and what is refused in one line that names the file, the key or the tensor."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from emma_eval.errors import UserError
from emma_eval.models import find_model, load_model
from emma_eval.models.base import ModelSpec
from emma_eval.types import IMAGE_MARKER, Request
from tests.fakes import LoadedImage, make_image
from tests.models.damaged_checkpoints import configure, edit, fails
from tests.tiny_mplug_owl2 import ABSTRACTOR, MPLUG_OWL2, VISION, TinyMPlugOwl2

K_PROJ = "model.layers.1.self_attn.k_proj.multiway.1.weight"
TABLE = f"{ABSTRACTOR}encoder.layers.0.crossattention.attention.k_pos_embed"


def configured(root: Path, **changes: Any) -> Path:
    folder = MPLUG_OWL2.write(root)
    configure(folder, **changes)
    return folder


def fingerprint(folder: Path, **options: str) -> str:
    return find_model(ModelSpec(str(folder), options=options)).fingerprint()


@pytest.mark.parametrize("kind", ["mplug_owl2_1", "mplug_owl2_2"])
def test_other_models_are_refused_by_name(kind: str, tmp_path: Path) -> None:
    found = ["mPLUG-Owl2.1", "Qwen"] if kind == "mplug_owl2_1" else []
    fails(configured(tmp_path, model_type=kind), "config.json", f"model_type {kind!r}", *found)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("visual_model", "use_cls_token", False),
        ("visual_model", "use_post_layernorm", False),
        ("visual_abstractor", "use_cls_token", False),
        ("visual_abstractor", "add_v2t_pos_emb", True),
    ],
)
def test_settings_of_the_next_version_are_refused_by_name(part: str, key: str, value: bool, tmp_path: Path) -> None:
    folder = replace(MPLUG_OWL2, **{part: {key: value}}).write(tmp_path)
    fails(folder, "config.json", f"visual_config.{part}.{key} {value}", "mPLUG-Owl2.1")


@pytest.mark.parametrize(
    ("changes", "fragments"),
    [
        ({"architectures": ["MPLUGOwl2QWenForCausalLM"]}, ["MPLUGOwl2QWenForCausalLM", "mPLUG-Owl2.1"]),
        ({"architectures": ["LlamaForCausalLM"]}, ["architectures 'LlamaForCausalLM'"]),
        ({"num_key_value_heads": 2}, ["num_key_value_heads 2", "grouped keys"]),
        ({"attention_bias": True}, ["attention_bias True"]),
        ({"hidden_act": "gelu"}, ["hidden_act 'gelu'"]),
        ({"rope_scaling": {"type": "yarn", "factor": 2.0}}, ["rope_scaling.type 'yarn'"]),
        ({"rope_scaling": {"type": "linear", "factor": -1.0}}, ["rope_scaling.factor -1.0"]),
        ({"quantization_config": {"quant_method": "gptq"}}, ["quantization_config 'gptq'"]),
        ({"vocab_size": 400}, ["vocab_size 400", "tokenizer"]),
        ({"eos_token_id": 999}, ["eos_token_id 999"]),
        ({"visual_config": []}, ["visual_config []"]),
        ({"visual_config": {"visual_model": 3}}, ["visual_config.visual_model 3"]),
    ],
)
def test_a_setting_that_is_not_computed_is_named(changes: dict[str, Any], fragments: list[str], tmp_path: Path) -> None:
    fails(configured(tmp_path, **changes), "config.json", *fragments)


@pytest.mark.parametrize(
    ("part", "changes", "fragments"),
    [
        ("visual_abstractor", {"grid_size": 5}, ["grid_size 5", "image_size 28"]),
        ("visual_abstractor", {"grid_size": 0}, ["grid_size 32"]),
        ("visual_abstractor", {"grid_size": None}, ["grid_size 32"]),
        ("visual_abstractor", {"encoder_hidden_size": 32}, ["24, 32, 24"]),
        ("visual_abstractor", {"num_attention_heads": 5}, ["24", "5 heads"]),
        ("visual_abstractor", {"num_learnable_queries": "5"}, ["visual_abstractor.num_learnable_queries '5'"]),
        ("visual_model", {"hidden_act": "relu"}, ["visual_model.hidden_act 'relu'"]),
        ("visual_model", {"layer_norm_eps": 0}, ["visual_model.layer_norm_eps 0"]),
    ],
)
def test_sizes_that_do_not_fit_are_named(
    part: str, changes: dict[str, Any], fragments: list[str], tmp_path: Path
) -> None:
    fails(replace(MPLUG_OWL2, **{part: changes}).write(tmp_path), "config.json", *fragments)


@pytest.mark.parametrize(
    ("change", "fragments"),
    [
        (lambda tensors: tensors.pop(K_PROJ), [K_PROJ, "missing"]),
        (lambda tensors: tensors.update({K_PROJ: torch.ones(3, 3)}), [K_PROJ, "(3, 3)", "(32, 32)"]),
        (lambda tensors: tensors.pop(f"{ABSTRACTOR}vit_eos"), [f"{ABSTRACTOR}vit_eos", "missing"]),
        (lambda tensors: tensors.pop(f"{VISION}embeddings.cls_token"), ["cls_token", "missing"]),
        (lambda tensors: tensors.update({TABLE: torch.ones(9, 24)}), [TABLE, "(9, 24)", "(17, 24)"]),
        (lambda tensors: tensors.update({"model.layers.0.self_attn.q_proj.bias": torch.ones(32)}), ["q_proj.bias"]),
        (lambda tensors: tensors.update({f"{VISION}encoder.layers.3.mlp.fc1.bias": torch.ones(48)}), ["layers.3"]),
        (
            lambda tensors: tensors.update({"model.layers.0.mlp.up_proj.qweight": torch.ones(2)}),
            ["qweight", "quantised"],
        ),
    ],
)
def test_missing_misshapen_and_unknown_tensors_are_named(
    change: Callable[[dict[str, Tensor]], Any], fragments: list[str], tmp_path: Path
) -> None:
    folder = replace(MPLUG_OWL2, layout="single").write(tmp_path)
    edit(folder / "pytorch_model.bin", change)
    fails(folder, "pytorch_model.bin", *fragments)


def test_a_missing_shard_is_named_with_its_index(tmp_path: Path) -> None:
    folder = MPLUG_OWL2.write(tmp_path)
    (folder / "pytorch_model-2-of-3.bin").unlink()
    fails(folder, "pytorch_model-2-of-3.bin", "missing", "index.json")


def test_shards_without_an_index_are_counted(tmp_path: Path) -> None:
    """They are numbered without zeros, so their names' order is not theirs."""
    folder = replace(MPLUG_OWL2, layers=11).write(tmp_path)
    (folder / "pytorch_model.bin.index.json").unlink()
    assert "LLaMA of 11 layers" in load_model(str(folder), device="cpu").summary
    (folder / "pytorch_model-10-of-12.bin").unlink()
    fails(folder, "shard 10 of 12 is missing")


def test_code_in_a_weight_file_is_not_run(tmp_path: Path) -> None:
    folder = replace(MPLUG_OWL2, layout="single").write(tmp_path)
    torch.save({"model.norm.weight": Path}, folder / "pytorch_model.bin")
    fails(folder, "pytorch_model.bin", "more than tensors")


def test_a_lora_folder_is_refused(tmp_path: Path) -> None:
    folder = MPLUG_OWL2.write(tmp_path)
    for path in folder.glob("pytorch_model*"):
        path.unlink()
    (folder / "adapter_config.json").write_text("{}")
    fails(folder, "LoRA adapters of mPLUG-Owl2 are not merged here")


def test_absent_settings_have_the_authors_defaults(tmp_path: Path) -> None:
    """Sizes are told by the tensor that does not fit them."""
    folder = MPLUG_OWL2.write(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    del config["visual_config"]
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "preprocessor_config.json").unlink()
    fails(folder, "cls_token has shape (24,), but the configuration asks for (1024,)")


def test_the_summary_says_what_was_built_and_how_it_is_asked(tmp_path: Path) -> None:
    model = load_model(str(MPLUG_OWL2.write(tmp_path)), device="cpu")
    assert model.summary == (
        "mPLUG-Owl2: LLaMA of 2 layers x 32 that adapts to modalities, vision model of 3 layers x 24, abstractor of "
        "2 layers (positions computed), 6 tokens an image, images squashed to a square, as in the authors' evaluation, "
        "float32 on cpu; conversation template mplug_owl2_evaluation (of model_type mplug_owl2)"
    )
    assert model.family == "mplug_owl2"
    stored = replace(MPLUG_OWL2, tables=True, settings={"image_aspect_ratio": "pad"}).write(tmp_path, "stored")
    summary = load_model(str(stored), device="cpu", options={"image_aspect_ratio": "none"}).summary
    assert "positions of the folder" in summary
    assert "images not made square" in summary
    assert "image_aspect_ratio 'pad' of config.json is not used" in summary


def test_options_choose_template_and_preparation_of_images(tmp_path: Path) -> None:
    folder, image = MPLUG_OWL2.write(tmp_path), LoadedImage(make_image(60, 20))
    models = {
        ratio: load_model(str(folder), options={"image_aspect_ratio": ratio}) for ratio in ("resize", "pad", "none")
    }
    pixels = {ratio: model.preprocess_image(image).tobytes() for ratio, model in models.items()}
    assert len(set(pixels.values())) == 3
    assert load_model(str(folder)).preprocess_image(image).tobytes() == pixels["resize"]
    assert models["pad"].render_prompt(f"{IMAGE_MARKER}Why?") == "USER: <|image|>Why? ASSISTANT: "
    chat = load_model(str(folder), options={"template": "mplug_owl2"})
    assert chat.render_prompt(f"{IMAGE_MARKER}Why?") == "USER: <|image|>Why? ASSISTANT:"
    with pytest.raises(UserError, match="image_aspect_ratio=square: resize, pad, none is expected"):
        load_model(str(folder), options={"image_aspect_ratio": "square"})
    with pytest.raises(UserError, match="no such conversation template"):
        load_model(str(folder), options={"template": "mplug_owl3"})
    with pytest.raises(UserError, match="has no such option"):
        load_model(str(folder), options={"base": "somewhere"})


def test_the_fingerprint_is_over_every_file_and_option(tmp_path: Path) -> None:
    folder = MPLUG_OWL2.write(tmp_path)
    plain = fingerprint(folder)
    assert plain == fingerprint(folder, template="mplug_owl2_evaluation", image_aspect_ratio="resize")
    others = [fingerprint(folder, template="mplug_owl2"), fingerprint(folder, image_aspect_ratio="pad")]
    for name in ("config.json", "preprocessor_config.json", "tokenizer.model", "pytorch_model-3-of-3.bin"):
        path = folder / name
        before = path.read_bytes()
        path.write_bytes(before + b" ")
        others.append(fingerprint(folder))
        path.write_bytes(before)
    assert len({plain, *others}) == 1 + len(others)
    configure(folder, model_type="mplug_owl2_1")
    with pytest.raises(UserError, match=r"mPLUG-Owl2\.1"):
        fingerprint(folder)


@pytest.mark.parametrize(("device", "stored", "expected"), [("cpu", torch.float16, torch.float32)])
def test_the_type_is_float32_on_a_cpu_unless_named(
    device: str, stored: torch.dtype, expected: torch.dtype, tmp_path: Path
) -> None:
    folder = replace(MPLUG_OWL2, dtype=stored).write(tmp_path)
    assert load_model(str(folder), device=device).dtype is expected
    half = load_model(str(folder), device=device, dtype="float16")
    assert {parameter.dtype for parameter in half.model.parameters()} == {torch.float16}


def test_an_id_without_text_fails_its_answer_alone(tmp_path: Path) -> None:
    """A model may have more ids than its tokenizer."""
    tiny = TinyMPlugOwl2(vocabulary=430)
    tiny.tensors["lm_head.weight"][425:] *= 50
    runner = load_model(str(tiny.write(tmp_path)), device="cpu")
    (answer,) = runner.generate(runner.collate([runner.tokenize(Request("1", 0, "what", "", (), 3))]), {})[0]
    assert answer.finish_reason == "error"
    assert "for which the tokenizer has no text" in answer.error
