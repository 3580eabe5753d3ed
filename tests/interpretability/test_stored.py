"""Weights in the folder are compared with what config.json says."""

from __future__ import annotations

import json

import pytest

from emma_eval.errors import UserError
from emma_eval.interpretability.architecture import build_skeleton
from emma_eval.interpretability.stored import check_weights
from tests.tiny_checkpoint import TinyCheckpoint
from tests.tiny_mplug_owl2 import TinyMPlugOwl2


def check(folder):
    return check_weights(build_skeleton(folder).model, folder)


def change(folder, **settings):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


@pytest.mark.parametrize("checkpoint", [TinyCheckpoint(), TinyCheckpoint(tied=True, version="v3"), TinyMPlugOwl2()])
def test_weights_that_fit(tmp_path, checkpoint):
    assert "of the sizes that are counted" in check(checkpoint.write(tmp_path))


def test_a_folder_without_weights_says_nothing(tmp_path):
    folder = TinyCheckpoint().write(tmp_path)
    for path in folder.glob("model*.safetensors"):
        path.unlink()
    assert not check(folder)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"intermediate_size": 64},
            r"gate_proj.weight and .*up_proj.weight has 3,072 numbers, but 4,096 by config.json",
        ),
        ({"num_hidden_layers": 3}, "tensor model.layers.2.*is missing"),
        ({"mm_text_select_feature": "cls"}, "image_text_infusion.weight has 1,488 numbers, but 272 by config.json"),
    ],
)
def test_weights_of_another_model_are_named(tmp_path, settings, message):
    folder = TinyCheckpoint().write(tmp_path)
    change(folder, **settings)
    with pytest.raises(UserError, match=message):
        check(folder)


def test_a_truncated_file(tmp_path):
    folder = TinyCheckpoint().write(tmp_path)
    path = next(folder.glob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="not a readable file of weights"):
        check(folder)
