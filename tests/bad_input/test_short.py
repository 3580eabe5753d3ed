"""A short form of `python -m tests.bad_input`: some inputs of every target but the slow ones, and no fault.

EMMA_BAD_INPUT multiplies their number. It is also shown that the judges of a target can find something wrong.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from emma_eval.errors import UserError
from tests.bad_input.examine import examine, judged
from tests.bad_input.outcome import FAULTS, RIGHT, Outcome, SilentlyWrongError, Target, Verdict, require
from tests.bad_input.registry import NAMES, load_target
from tests.bad_input.table import BEGIN, END, markdown, row_of, write_document
from tests.bad_input.targets import predictions, readers
from tests.bad_input.workers import Result

SHORT = {"readers": 60, "images": 60, "predictions": 40, "scorers": 25, "tasks": 25, "records": 8, "servers": 4}
TIMES = int(os.environ.get("EMMA_BAD_INPUT", "1"))


@pytest.mark.parametrize("name", SHORT)
def test_no_fault(name: str, tmp_path: Path) -> None:
    target = load_target(name)
    state = target.prepare(tmp_path)
    verdicts = {number: examine(target, state, 0, number) for number in range(SHORT[name] * TIMES)}
    assert not {number: verdict for number, verdict in verdicts.items() if verdict.outcome in FAULTS}
    assert {verdict.outcome for verdict in verdicts.values()} & {Outcome.REFUSED, Outcome.CHANGED}


def test_a_whole_run_has_two_thousand_inputs() -> None:
    assert sum(load_target(name).count for name in NAMES) >= 2000


def test_the_same_number_makes_the_same_input(tmp_path: Path) -> None:
    benchmarks = readers.prepare(tmp_path)
    (path, data), *_ = benchmarks[0].files
    one, other = (readers.malformed(data, path.name, random.Random("0/readers/5")) for _ in range(2))
    assert one == other


def _target(run: Callable[[], Outcome]) -> Target:
    return Target("t", "inputs", "wrong", 1, lambda folder: None, lambda state, rng: run())


def _raise(error: BaseException) -> Callable[[], Outcome]:
    def run() -> Outcome:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (UserError("x.json, line 3: a number is expected"), Outcome.REFUSED),
        (UserError(""), Outcome.TRACEBACK),
        (UserError("x.json: there is not enough memory for it"), Outcome.MEMORY),
        (MemoryError(), Outcome.MEMORY),
        (KeyError("x"), Outcome.TRACEBACK),
        (SystemExit(2), Outcome.TRACEBACK),
        (SilentlyWrongError("x"), Outcome.WRONG),
    ],
)
def test_what_is_raised_is_a_refusal_or_a_fault(error: BaseException, outcome: Outcome) -> None:
    assert examine(_target(_raise(error)), None, 0, 0).outcome is outcome


def test_a_hang_is_a_fault() -> None:
    def forever() -> Outcome:
        while True:
            pass

    assert examine(replace(_target(forever), seconds=0.05), None, 0, 0).outcome is Outcome.HANG


def test_a_file_that_is_left_open_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.touch()
    kept = []

    def open_it() -> Outcome:
        kept.append(path.open())
        raise UserError("no")

    verdict = examine(_target(open_it), None, 0, 0)
    kept[0].close()
    assert (verdict.outcome, verdict.detail) == (Outcome.TRACEBACK, f"left open: {path}")


def test_what_is_returned_is_the_outcome() -> None:
    assert judged(_target(lambda: Outcome.SAME), None, random.Random(0)) is Outcome.SAME


class TestReadersJudge:
    """Wrong readings of a file that it must find."""

    @pytest.fixture
    def vqa(self, tmp_path: Path) -> readers.Benchmark:
        return readers.prepare(tmp_path)[0]

    def test_a_lost_sample(self, vqa: readers.Benchmark) -> None:
        (path, data), *_ = vqa.files
        with pytest.raises(SilentlyWrongError, match="2 samples instead of 3"):
            readers.judge(data, data, path.name, vqa.clean, vqa.clean[1:])

    def test_another_sample_of_the_same_file(self, vqa: readers.Benchmark) -> None:
        (path, data), *_ = vqa.files
        other = [replace(vqa.clean[0], references=("dog",)), *vqa.clean[1:]]
        with pytest.raises(SilentlyWrongError, match="other samples of the same content"):
            readers.judge(data, data, path.name, vqa.clean, other)

    def test_a_file_that_is_no_json(self, vqa: readers.Benchmark) -> None:
        (path, data), *_ = vqa.files
        with pytest.raises(SilentlyWrongError, match="the standard library cannot"):
            readers.judge(data, data[:-5], path.name, vqa.clean, vqa.clean)

    def test_a_null_that_became_a_text(self, vqa: readers.Benchmark) -> None:
        _, (path, data) = vqa.files  # questions, annotations
        after = data.replace(b'"multiple_choice_answer": "cat"', b'"multiple_choice_answer": null')
        assert after != data
        other = [replace(one, references=("None",)) if "cat" in one.references else one for one in vqa.clean]
        with pytest.raises(SilentlyWrongError, match="a value has become the text 'None'"):
            readers.judge(data, after, path.name, vqa.clean, other)


def test_the_answer_files_are_whole_before(tmp_path: Path) -> None:
    from emma_eval.predictions import read_predictions

    files = predictions.prepare(tmp_path)
    assert len(files.files) > 15
    for clean in files.files:
        path = tmp_path / clean.name
        path.write_bytes(clean.data)
        found = read_predictions(path, clean.samples, clean.task)
        assert {key: answer.text for key, answer in found.answers.items()} == clean.answers


def test_the_table_is_put_between_its_marks(tmp_path: Path) -> None:
    target = _target(lambda: Outcome.SAME)
    results = [Result("t", number, Verdict(outcome, "", 0.5)) for number, outcome in enumerate((*RIGHT, *FAULTS))]
    row = row_of(target, results, 1.0)
    assert row.faults == len(FAULTS)
    path = tmp_path / "reliability.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_document([row], 0, path)
    text = path.read_text()
    assert text.startswith(f"before\n{BEGIN}\n| input | count | refused |")
    assert text.endswith(f"{END}\nafter\n")
    assert "\nold\n" not in text
    assert "| t | 8 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 1 | 0.5 s |" in markdown([row], 0)
    other = replace(row, target=replace(target, name="readers"))
    write_document([other], 0, path)
    assert "| readers | 8 |" in path.read_text()
    assert "| t | 8 |" in path.read_text(), "a target that was not examined now keeps its line"
    assert "| all | 16 | 2 |" in path.read_text()
    with pytest.raises(ValueError, match="has no"):
        write_document([row], 0, Path(__file__))


def test_requirements_are_raised() -> None:
    require(True, "nothing")
    with pytest.raises(SilentlyWrongError, match="lost"):
        require([], "lost")
