"""What `ablate`, `analyze` and `robustness` are tested with: a tiny EMMA, the tiny POPE, a narrow terminal."""

from __future__ import annotations

import pytest

from emma_eval.cli.main import main
from tests.fakes import write_pope
from tests.tiny_checkpoint import TinyCheckpoint


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """(a data root with POPE, the model's folder in it), the same for all tests of a file."""
    root = tmp_path_factory.mktemp("place")
    write_pope(root)
    return root, TinyCheckpoint().write(root / "model")


@pytest.fixture
def ask_emma(place, at_80_columns):
    """A function that gives a command the model and POPE."""

    def call(command, *arguments, model=place[1], output=place[0] / "out", code=0):
        given = ["--tasks", "pope", "--data", place[0], "--allow-partial", "--output", output]
        return at_80_columns(command, model, *given, *arguments, code=code)

    return call


@pytest.fixture
def at_80_columns(capsys, monkeypatch):
    """A function that runs a command, whose exit code must be `code`, and returns what it printed, 80 columns wide."""
    monkeypatch.setenv("COLUMNS", "80")

    def call(*arguments, code):
        assert main(list(map(str, arguments))) == code
        shown = capsys.readouterr()
        assert all(len(line) <= 80 for line in shown.out.splitlines() if not line.startswith("written"))
        return shown

    return call
