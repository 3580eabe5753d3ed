"""generation_config.json: the references generate by it, so that what they would do otherwise is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.generation_config import read_eos_ids


def eos_ids(folder: Path, **settings: Any) -> frozenset[int]:
    path = folder / "generation_config.json"
    path.write_text(json.dumps(settings))
    return read_eos_ids(folder, {"eos_token_id": 7}, folder / "config.json")


def test_where_end_ids_come_from(tmp_path: Path) -> None:
    assert eos_ids(tmp_path, eos_token_id=[5, 6]) == {5, 6}
    assert eos_ids(tmp_path, eos_token_id=None) == {7}
    assert read_eos_ids(tmp_path, {}, tmp_path / "config.json") == {2}


def test_sampling_beams_and_settings_without_effect_are_not_in_the_way(tmp_path: Path) -> None:
    settings = {"do_sample": True, "temperature": 0.2, "top_p": None, "num_beams": 4, "max_length": 4096}
    assert eos_ids(tmp_path, repetition_penalty=1.0, no_repeat_ngram_size=0, suppress_tokens=[], **settings) == {7}


@pytest.mark.parametrize(
    ("setting", "value"),
    [("repetition_penalty", 1.2), ("no_repeat_ngram_size", 3), ("min_length", 5), ("suppress_tokens", [7])],
)
def test_another_decoding_is_refused(setting: str, value: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"generation_config.json: {setting} .* is not supported \("):
        eos_ids(tmp_path, **{setting: value})
