"""Our CLIP towers give the hidden states of transformers' whole CLIP, layer by layer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from emma_eval.errors import UserError
from emma_eval.models.clip.weights import load_towers
from tests.tiny_checkpoint import SIDE, random_clip, write_tower


def folder(root: Path, clip: Any, **changes: Any) -> Path:
    write_tower(root / "clip", clip)
    path = root / "clip" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return root / "clip"


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
@pytest.mark.parametrize("layer", [0, 1, -2, -1])
@torch.no_grad()
def test_hidden_states_are_those_of_transformers(layer: int, activation: str, tmp_path: Path) -> None:
    clip = random_clip(3).half().float().eval()
    for tower in (clip.config.vision_config, clip.config.text_config):
        tower.hidden_act = activation
    clip = type(clip)._from_config(clip.config).eval()
    clip.load_state_dict(random_clip(3).half().float().state_dict())
    towers = load_towers(folder(tmp_path, clip), layer, layer, {})
    pixels, ids = torch.randn(2, 3, SIDE, SIDE), torch.randint(49408, (2, 77))
    vision = clip.vision_model(pixels, output_hidden_states=True).hidden_states[layer]
    text = clip.text_model(ids, output_hidden_states=True).hidden_states[layer]
    torch.testing.assert_close(towers.vision_features(pixels), vision, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(towers.text_features(ids), text, rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_every_hidden_state_and_attention_weight_is_that_of_transformers(tmp_path: Path) -> None:
    clip = random_clip(3).half().float().eval()
    clip.set_attn_implementation("eager")  # the others keep no weights
    towers = load_towers(folder(tmp_path, clip), -1, -1, {})
    pixels, ids = torch.randn(2, 3, SIDE, SIDE), torch.randint(49408, (2, 77))
    assert towers.text is not None
    for found, expected in (
        (
            towers.vision(pixels, output_hidden_states=True, output_attentions=True),
            clip.vision_model(pixels, output_hidden_states=True, output_attentions=True),
        ),
        (
            towers.text(ids, output_hidden_states=True, output_attentions=True),
            clip.text_model(ids, output_hidden_states=True, output_attentions=True),
        ),
    ):
        for ours, theirs in zip(found.hidden_states, expected.hidden_states, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
        for ours, theirs in zip(found.attentions, expected.attentions, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_of_two_descriptions_of_a_tower_the_one_under_dict_counts(tmp_path: Path) -> None:
    """OpenAI's files have both; transformers, too, uses the one under `_dict`."""
    clip = random_clip(3)
    part = clip.config.vision_config.to_dict()
    wrong = part | {"hidden_size": 99, "num_attention_heads": 11}
    towers = load_towers(folder(tmp_path, clip, vision_config=wrong, vision_config_dict=part), -2, -2, {})
    assert towers.vision_width == clip.config.vision_config.hidden_size


@pytest.mark.parametrize(
    ("changes", "fragments"),
    [
        ({"model_type": "siglip"}, ["model_type 'siglip'", "clip"]),
        ({"vision_config": {"hidden_size": 25, "num_attention_heads": 2}}, ["hidden_size 25", "2 heads"]),
        ({"vision_config": {"hidden_act": "relu"}}, ["hidden_act 'relu'", "quick_gelu"]),
        ({"vision_config": {"image_size": 4, "patch_size": 7}}, ["image_size 4"]),
        ({"text_config": "small"}, ["text_config", "an object"]),
        ({"text_config": {"vocab_size": 1000}}, ["1000 ids"]),
    ],
)
def test_a_wrong_setting_is_named_with_its_value(changes: dict[str, Any], fragments: list[str], tmp_path: Path) -> None:
    with pytest.raises(UserError) as failure:
        load_towers(folder(tmp_path, random_clip(3), **changes), -2, -2, {})
    for fragment in ("config.json", *fragments):
        assert fragment in str(failure.value)
