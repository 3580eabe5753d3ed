"""Fixtures of the run's tests."""

from pathlib import Path

import pytest

from tests.fakes import write_pope


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data root with the tiny POPE."""
    root = tmp_path / "data"
    write_pope(root)
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run folder that does not exist yet."""
    return tmp_path / "run"
