"""MM-Vet's judge: the official prompt, what counts as a score, and the arithmetic, by hand."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from emma_eval.errors import UserError
from emma_eval.judges.mmvet import INTRODUCTION, JUDGE, Question, judge_prompt, parse_score, read_questions
from emma_eval.judges.task_judge import JudgedTask
from emma_eval.types import Answer, Sample

X = Question("What is x?", "-1<AND>-5", frozenset({"ocr", "math"}))


def test_the_prompt_ends_with_a_row_whose_last_cell_is_open() -> None:
    prompt = judge_prompt(X, "x = -1")
    assert prompt.startswith("Compare the ground truth and prediction from AI models, to give a correctness score")
    assert prompt.endswith(" | 1.0\n\nWhat is x? | -1 <AND> -5 | x = -1 | ")
    assert judge_prompt(X, "x = -1", again=True) == prompt + "\nPredict the correctness of the answer (digit): "


def test_the_introduction_is_the_official_one() -> None:
    """The SHA-256 was taken of `prompt` in mm-vet_evaluator.py of yuweihao/MM-Vet at 7d717c2."""
    official = "d1b3e0a5b4e72c888b77164489d705bba4dd149934fff564dfba6443d81afe3f"
    assert hashlib.sha256(INTRODUCTION.encode()).hexdigest() == official


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("0.5", 0.5), ("1", 1.0), ("1.0\n", 1.0), ("0.3 because", 0.3), ("1e-1", 0.1),
        (" 0.5", None), ("", None), ("1.5", None), ("-0.1", None), ("0.5.", None), ("Correct", None), ("nan", None),
    ],
)  # fmt: skip
def test_what_counts_as_a_score(reply: str, score: float | None) -> None:
    assert parse_score(reply) == score


def judged_task(folder: Path) -> JudgedTask:
    capabilities = {"v1_a": ["ocr", "math"], "v1_b": ["math", "ocr"], "v1_c": ["ocr"], "v1_d": ["rec"]}
    entries = {key: {"question": "?", "answer": "!", "capability": names} for key, names in capabilities.items()}
    (folder / "mm-vet.json").write_text(json.dumps(entries))
    samples = [Sample(name, "?") for name in ("a", "v1_b", "c", "d")]  # with and without the prefix of official ids
    answers = {(sample.id, 0): Answer("x") for sample in samples}
    return JudgedTask("mmvet", samples, answers, {"questions": folder / "mm-vet.json"})


def replies(*columns: tuple[str, ...]) -> dict[tuple[str, int], tuple[str, ...]]:
    return dict(zip((("a", 0), ("v1_b", 0), ("c", 0), ("d", 0)), columns, strict=True))


def test_means_are_of_all_of_each_capability_and_of_each_set_of_them(tmp_path: Path) -> None:
    found = JUDGE.scores(judged_task(tmp_path), replies(("1.0",), ("0.5",), ("0",), ("0.25",)))
    assert [(one.group, one.category, one.value, one.n) for one in found.metrics] == [
        ("", "", 43.75, 4),
        ("capability", "ocr", 50.0, 3),
        ("capability", "math", 75.0, 2),
        ("capability", "rec", 25.0, 1),
        ("integration", "math_ocr", 75.0, 2),
        ("integration", "ocr", 0.0, 1),
        ("integration", "rec", 25.0, 1),
    ]
    assert [sample.score for sample in found.samples] == [1.0, 0.5, 0.0, 0.25]


def test_of_several_runs_there_are_the_mean_and_the_standard_deviation_of_the_totals(tmp_path: Path) -> None:
    """Totals 50 and 37.5: their mean is 43.75, and each is 6.25 from it. A useless last reply counts 0."""
    found = JUDGE.scores(judged_task(tmp_path), replies(("1.0", "1.0"), ("0.5", "well"), ("0", "0"), ("0.5", "0.5")))
    values = {(one.name, one.group, one.category): one.value for one in found.metrics}
    assert values["score", "", ""] == 43.75
    assert values["std", "", ""] == 6.25
    assert values["score", "capability", "ocr"] == pytest.approx((1.5 + 1.0) / 2 / 3 * 100, abs=1e-12)
    assert found.notes == ("mean of 2 runs: 50.0, 37.5",)
    assert [(sample.score, sample.parsed_answer) for sample in found.samples][:2] == [(1.0, "1 1"), (0.25, "0.5 0")]


def test_a_question_that_the_official_file_lacks_is_named(tmp_path: Path) -> None:
    task = judged_task(tmp_path)
    task = JudgedTask(task.name, [*task.samples, Sample("9", "?")], task.answers, task.files)
    with pytest.raises(UserError, match=r"mm-vet.json has no question v1_9"):
        JUDGE.requests(task, {})


SOUND = {"question": "?", "answer": "!", "capability": ["ocr"]}


@pytest.mark.parametrize("entry", ["text", {}, SOUND | {"capability": "ocr"}, SOUND | {"question": 1}])
def test_an_entry_that_is_no_question_is_named(entry: object, tmp_path: Path) -> None:
    path = tmp_path / "mm-vet.json"
    path.write_text(json.dumps({"v1_7": entry}))
    with pytest.raises(UserError, match="v1_7: question, answer and a list of capabilities"):
        read_questions(path)
