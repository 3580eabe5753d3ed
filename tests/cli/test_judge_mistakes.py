"""`judge TASK RUN` refuses what it cannot do in one line, before any server is asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from emma_eval.cli.main import main
from tests import judged_runs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with `data` and a finished `run` of MM-Vet."""
    judged_runs.mmvet(tmp_path / "data")
    judged_runs.finish_run(tmp_path / "data", "mmvet", [f"answer {n}" for n in range(6)], tmp_path / "run")
    return tmp_path


def judge(
    folder: Path, judge: str = "openai:judge", task: str = "mmvet", run: str = "run", more: Sequence[str] = ()
) -> int:
    """The command's exit code; nothing listens at the server's address."""
    where = ["--base-url", "http://127.0.0.1:1/v1", "--data", str(folder / "data")]
    return main(["judge", task, str(folder / run), "--judge", judge, *where, *more])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"judge": "emma-mini"}, "--judge emma-mini: openai:NAME is expected, a model behind a server"),
        ({"task": "pope"}, "task pope has no judge; see `explain pope`"),
        ({"task": "llava_bench"}, "has no answers to the task llava_bench; known: mmvet"),
        ({"run": "data"}, "is no run folder: a judge judges the answers of a finished run"),
        ({"more": ["--model-option", 'parameters={"temperature": 1}']}, "asked with the official temperature"),
        ({"more": ["--model-option", 'parameters={"top_p": NaN}']}, "parameters: a JSON object is expected"),
        ({"more": ["--repeats", "0"]}, "whole number above 0"),
    ],
)
def test_mistakes_are_one_line(folder, capsys, change, message) -> None:
    assert judge(folder, **change) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_other_data_and_missing_files_are_one_line(folder, capsys) -> None:
    path = folder / "data" / "mm-vet" / "mm-vet.json"
    whole = path.read_text()
    path.write_text(json.dumps(dict(list(json.loads(whole).items())[:4])))
    assert judge(folder) == 2
    path.write_text(whole.replace('"answer"', '"reply"'))
    assert judge(folder) == 2
    path.unlink()
    rows = [{"question_id": f"v1_{n}", "image": f"v1_{n}.png", "text": f"What is {n}?"} for n in range(6)]
    path.with_name("llava-mm-vet.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert judge(folder) == 2
    other, entry, missing = capsys.readouterr().err.splitlines()
    assert "the questions of mmvet in the data are not those that it was asked" in other
    assert "mm-vet.json, v1_0: question, answer and a list of capabilities are expected" in entry
    assert "the judge is shown the official mm-vet/mm-vet.json, which is not there below " in missing
