"""A path that leads nowhere is answered with the folder beside it that was likely meant."""

from pathlib import Path

import pytest

from emma_eval.cli.main import main
from emma_eval.utils.neighbours import did_you_mean_folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two folders that hold a manifest, one that does not, and a file."""
    for name in ("emma-7b-pope", "llava-13b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{}")
    (tmp_path / "emma-7b-pop").mkdir()
    (tmp_path / "emma-7b-popes").write_text("")
    return tmp_path


def test_the_nearest_that_holds_the_file_is_named(runs: Path) -> None:
    assert did_you_mean_folder(runs / "emma7b-pope", "manifest.json") == f"; did you mean '{runs / 'emma-7b-pope'}'?"


@pytest.mark.parametrize(
    "name", ["qwen", "emma-7b-pope", "no/such/emma-7b-pope", "emma-7b-popes/x", "a\0b", "x" * 5000]
)
def test_nothing_is_said_where_nothing_is_near(runs: Path, name: str) -> None:
    assert did_you_mean_folder(runs / name, "manifest.json") == ""


@pytest.mark.parametrize(
    "argv",
    [
        ["leaderboard", "lava-13b"],
        ["report", "lava-13b"],
        ["compare", "lava-13b", "emma-7b-pope"],
        ["watch", "lava-13b", "--once"],
        ["export", "lava-13b", "--format", "csv", "--output", "x.csv"],
    ],
)
def test_a_misspelt_run_is_answered_with_it(
    runs: Path, argv: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(runs)
    assert main(argv) == 2
    assert capsys.readouterr().err.endswith("; did you mean 'llava-13b'?\n")
