"""What a checkpoint folder answers to one question about one image, and what it is refused with."""

from __future__ import annotations

from pathlib import Path

import pytest

from emma_eval.errors import UserError
from emma_eval.models import load_model
from tests.fakes import make_image, request

QUESTION = "<image>\nWhat is this?"


def answer(folder: Path, **options: str) -> tuple[int, ...]:
    runner = load_model(str(folder), device="cpu", dtype="float32", options=options)
    return tuple(runner.ask([request(QUESTION, make_image())])[0].token_ids)


def refused(folder: Path, **options: str) -> str:
    with pytest.raises(UserError) as failure:
        load_model(str(folder), device="cpu", options=options)
    assert "\n" not in str(failure.value)
    return str(failure.value)
