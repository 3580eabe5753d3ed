"""Fixtures of the models' tests."""

import pytest

from emma_eval.models.checkpoints.templates import TEMPLATES


@pytest.fixture(autouse=True)
def bare_template(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages in these tests are whole prompts, which the model reads as they are."""
    monkeypatch.setitem(TEMPLATES, "vicuna_v1", "{message}")
