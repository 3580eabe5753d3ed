"""Tensors are found under whatever names training tools write them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from emma_eval.models import load_model
from emma_eval.models.checkpoints.names import plain_name
from emma_eval.models.clip.weights import first_difference, load_towers
from tests.models.answers import answer
from tests.models.damaged_checkpoints import edit, edit_shards, fails
from tests.tiny_checkpoint import EMMA

PREFIXES = [
    "module.",
    "_orig_mod.",
    "_forward_module.",
    "_fsdp_wrapped_module.",
    "base_model.model.",
    "module._orig_mod.",
    "_orig_mod.module.base_model.model.",
    "base_model.model.base_model.model.",
    "_forward_module.module._fsdp_wrapped_module.base_model.model.",
]


@pytest.mark.parametrize(
    ("stored", "plain"),
    [
        ("model.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight"),
        ("model.module.layers.0.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight"),
        ("model.layers.0._orig_mod.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight"),
        (
            "_fsdp_wrapped_module.model.layers.0._fsdp_wrapped_module._checkpoint_wrapped_module.mlp.up_proj.weight",
            "model.layers.0.mlp.up_proj.weight",
        ),
        ("base_model.model.model.mm_projector.0.bias", "model.mm_projector.0.bias"),
        ("base_model.model.mm_projector.0.bias", "model.mm_projector.0.bias"),
        ("model.model.mm_projector.0.bias", "model.mm_projector.0.bias"),
        ("module.mm_projector.0.bias", "model.mm_projector.0.bias"),
        ("base_model.model.lm_head.weight", "lm_head.weight"),
        ("module.lm_head.weight", "lm_head.weight"),
        ("model.vision_tower.vision_tower.vision_model.post_layernorm.bias",) * 2,
        ("vision_tower.embeddings.class_embedding", "vision_tower.vision_model.embeddings.class_embedding"),
        ("encoder.layers.0.mlp.fc1.bias", "vision_model.encoder.layers.0.mlp.fc1.bias"),
        ("text_encoder.text_model.encoder.layers.0.mlp.fc1.bias",) * 2,
        ("base_model.weight",) * 2,
        ("my_module.weight",) * 2,
    ],
)
def test_wrappers_are_dropped_wherever_they_stand(stored: str, plain: str) -> None:
    assert plain_name(stored) == plain


@pytest.mark.parametrize("prefix", PREFIXES)
def test_every_file_of_weights_may_have_them(prefix: str, tmp_path: Path) -> None:
    tiny = replace(EMMA, unfrozen=True)
    expected = answer(tiny.write(tmp_path / "plain"))
    folder = tiny.write(tmp_path / "wrapped")

    def wrap(tensors: dict[str, torch.Tensor]) -> None:
        for name in list(tensors):
            tensors[prefix + name] = tensors.pop(name)

    edit_shards(folder, wrap)
    edit(folder / "vision_tower.bin", wrap)
    edit(tmp_path / "wrapped" / "tiny-clip" / "pytorch_model.bin", wrap)
    assert answer(folder) == expected


def test_two_tensors_of_one_name_are_refused(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    edit_shards(folder, lambda tensors: tensors.update({"module.lm_head.weight": tensors["lm_head.weight"].clone()}))
    fails(folder, "model.safetensors", "lm_head.weight and module.lm_head.weight are both lm_head.weight")
    folder = EMMA.write(tmp_path / "2")
    edit(
        folder / "vision_tower.bin", lambda tensors: tensors.update({"_orig_mod.text_projection.bias": torch.ones(24)})
    )
    fails(folder, "vision_tower.bin", "are both text_projection.bias")


def test_a_tower_as_transformers_5_names_it(tmp_path: Path) -> None:
    """Without `vision_model.`, in the shards and in CLIP's own folder."""
    tiny = replace(EMMA, unfrozen=True)
    expected = load_model(str(tiny.write(tmp_path / "plain")), device="cpu").model.towers.state_dict()
    folder = tiny.write(tmp_path / "new")
    before = "model.vision_tower.vision_tower."

    def rename(tensors: dict[str, torch.Tensor]) -> None:
        for name in [name for name in tensors if name.startswith(f"{before}vision_model.")]:
            tensors[name.replace("vision_model.", "", 1)] = tensors.pop(name)

    edit_shards(folder, rename)
    towers = load_model(str(folder), device="cpu").model.towers.state_dict()
    assert all(torch.equal(value, towers[name]) for name, value in expected.items())
    tower = tmp_path / "new" / "tiny-clip"
    edit(
        tower / "pytorch_model.bin",
        lambda tensors: [
            tensors.update({name.removeprefix("vision_model."): value} if name.startswith("vision") else {})
            for name, value in [(name, tensors.pop(name)) for name in list(tensors)]
        ],
    )
    settings = json.loads((tower / "config.json").read_text())["vision_config"]
    (tower / "config.json").write_text(json.dumps(settings | {"model_type": "clip_vision_model"}))
    assert first_difference(load_towers(tower, -2, None, {}), tiny.clip.state_dict()) is None
