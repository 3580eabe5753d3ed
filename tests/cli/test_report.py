"""`report`: what it writes where, and what it says of a mistake."""

from __future__ import annotations

import pytest

from emma_eval.cli.main import main
from tests.fakes import run_pope, write_pope


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_pope(root)
    run_pope(root, root / "run", name="emma")
    return root / "run"


def test_the_page_is_written_and_its_path_printed(run, tmp_path, capsys):
    assert main(["report", str(run), "--output", str(tmp_path), "--samples", "2"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'index.html'}\n"
    assert "<title>Evaluation of emma</title>" in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_a_report_into_the_run_itself_leaves_the_run_alone(run):
    before = {path: path.read_bytes() for path in run.rglob("*.json*")}
    assert main(["report", str(run), "--output", str(run)]) == 0
    assert {path: path.read_bytes() for path in run.rglob("*.json*")} == before


def test_figures_alone_write_no_page(run, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    assert main(["report", str(run), "--figures", "figures"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["figures"]
    assert "figures/scores.svg" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere"], "nowhere is not a run folder"),
        (["nowhere", "--data", "neither"], "--data neither: no such folder"),
        (["nowhere", "--samples", "some"], "'some' is not a whole number above 0, nor all, nor none"),
    ],
)
def test_a_usage_error_is_one_line(arguments, complaint, capsys):
    assert main(["report", *arguments]) == 2
    assert complaint in capsys.readouterr().err


def test_a_task_of_ones_own_shows_questions_and_images_when_its_folder_is_named(tmp_path):
    write_pope(tmp_path / "data")
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "mine.yaml").write_text("extends: pope\nprompt: {suffix: ' Say yes or no.'}\n")
    own, data = ["--task-dir", str(tmp_path / "tasks")], ["--data", str(tmp_path / "data")]
    output = ["--output", str(tmp_path / "run"), "--allow-partial"]
    assert main(["run", "--tasks", "mine", *own, *data, *output]) == 0
    report = ["report", str(tmp_path / "run"), "--output", str(tmp_path / "page"), *data]
    assert main(report) == 0
    page = tmp_path / "page" / "index.html"
    assert "name its folder with --task-dir" in page.read_text(encoding="utf-8")
    assert main([*report, *own]) == 0
    text = page.read_text(encoding="utf-8")
    assert "name its folder with --task-dir" not in text
    assert "Is there a random cat 0?" in text
    assert 'id="image-1"' in text
