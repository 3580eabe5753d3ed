r"""Half a surrogate pair, which JSON spells `\ud800` and UTF-8 has no bytes for, goes through every command."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from emma_eval.cli.main import main
from emma_eval.results.scores import read_scores
from emma_eval.types import Failure, Generation
from tests.fakes import FakeEngine, FakeHandle
from tests.tiny_datasets import save_image

ROOT = Path(__file__).parents[2]
HALF = "\ud800"
MARK = "\N{REPLACEMENT CHARACTER}"
TASK = """\
title: Quiz
benchmark: quiz
split: all
reader: table
files: {rows: quiz.jsonl, images: images}
columns: {question: question, answer: answer, images: image, category: kind, id: id}
metric: accuracy
protocols:
  official: {scorer: exact}
expected: {samples: 6}
"""


class Odd(FakeEngine):
    """Says half a pair, fails with half a pair, or is right."""

    def respond(self, request):
        number = self.requests.index(request)
        fine = Generation("cat", (1, 2), prompt=request.message, seconds=0.25)
        if number == 1:
            return Failure(f"cannot be opened: {HALF}.jpg", request.message)
        return replace(fine, text=f"cat{HALF}") if number in {0, 2, self.also} else fine

    also = -1


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two runs of a task whose questions, answers, categories and ids hold half pairs."""
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "quiz.yaml").write_text(TASK)
    save_image(tmp_path / "images" / "a.png", 3)
    rows = [
        {"id": f"{i}{HALF}", "question": f"{HALF}?", "answer": f"cat{HALF * (i % 2)}", "image": "a.png", "kind": HALF}
        for i in range(6)
    ]
    (tmp_path / "quiz.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name, also in (("one", -1), ("two", 3)):
        fake = Odd()
        fake.also = also
        monkeypatch.setattr("emma_eval.models.find_model", lambda spec, fake=fake: FakeHandle(fake))
        assert call(tmp_path, "run", "--model", "fake", "--tasks", "quiz", "--output", tmp_path / name) == 1
        assert len(fake.requests) == 6
    return tmp_path


def call(root, command, *arguments):
    shared = ["--task-dir", root / "tasks", "--data", root] if command in {"run", "score", "show"} else []
    return main([command, *map(str, (*arguments, *shared))])


def test_records_and_scores_with_surrogates_are_read_and_counted(runs, capsys):
    (task,) = read_scores(runs / "one").tasks
    assert {metric.category for metric in task.metrics} == {"", MARK}
    assert task.failed[0].reason == f"cannot be opened: {MARK}.jpg"
    # Truths are cat and cat\ud800 in turn; said are cat\ud800, nothing, cat\ud800, cat, cat, cat.
    assert task.metrics[0].value == pytest.approx(100 / 6)
    assert call(runs, "run", "--model", "fake", "--tasks", "quiz", "--output", runs / "one") == 1
    assert "everything is answered already" in capsys.readouterr().err


def test_every_command_takes_the_runs(runs, capsys):
    one, two = runs / "one", runs / "two"
    baseline = runs / "baseline.json"
    assert call(runs, "leaderboard", one, two, "--output", runs / "board") == 0
    assert call(runs, "compare", one, two, "--flips", "5", "--json", runs / "compared.json") == 0
    assert "1 won" in capsys.readouterr().out or json.loads((runs / "compared.json").read_text())
    assert call(runs, "baseline", one, "--output", baseline) == 0
    assert call(runs, "regress", two, "--baseline", baseline, "--markdown", runs / "gate.md") == 0
    assert call(runs, "watch", one, "--once") == 0
    assert call(runs, "report", one, two, "--output", runs / "page") == 0
    answers = one / "responses" / "quiz.jsonl"
    assert call(runs, "score", "--task", "quiz", "--predictions", answers, "--json", runs / "scored.json") == 1
    assert call(runs, "show", "quiz") == 0
    for path in runs.rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_output_is_encodable_by_the_terminal(runs, encoding):
    """Score in a process of its own: pytest's stand-in for the terminal takes anything."""
    answers = runs / "one" / "responses" / "quiz.jsonl"
    given = ["--task", "quiz", "--predictions", answers, "--task-dir", runs / "tasks", "--data", runs]
    environment = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "run_eval.py"), "score", *map(str, given)]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 1, done.stderr.decode()
    assert rb"\ud800" in done.stdout
