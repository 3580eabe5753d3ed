"""MM-Vet's judge: the official prompt, what counts as a score, and the arithmetic, by hand."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from emma_eval.errors import UserError
from emma_eval.judges.mmvet import INTRODUCTION, JudgedQuestion, judge_prompt, mean_scores, parse_score, read_questions

X = JudgedQuestion("v1_0", "What is x?", "-1<AND>-5", frozenset({"ocr", "math"}))


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


def test_means_are_of_all_of_each_capability_and_of_each_set_of_them() -> None:
    questions = {
        key: JudgedQuestion(key, "?", "!", frozenset(capabilities))
        for key, capabilities in {"a": ("ocr", "math"), "b": ("math", "ocr"), "c": ("ocr",), "d": ("rec",)}.items()
    }
    found = mean_scores(questions, {"a": 1.0, "b": 0.5, "c": 0.0, "d": 0.25})
    assert [(one.group, one.name, one.value, one.n) for one in found] == [
        ("", "total", 43.75, 4),
        ("capability", "ocr", 50.0, 3),
        ("capability", "math", 75.0, 2),
        ("capability", "rec", 25.0, 1),
        ("integration", "math_ocr", 75.0, 2),
        ("integration", "ocr", 0.0, 1),
        ("integration", "rec", 25.0, 1),
    ]


SOUND = {"question": "?", "answer": "!", "capability": ["ocr"]}


@pytest.mark.parametrize("entry", ["text", {}, SOUND | {"capability": "ocr"}, SOUND | {"question": 1}])
def test_an_entry_that_is_no_question_is_named(entry: object, tmp_path: Path) -> None:
    path = tmp_path / "mm-vet.json"
    path.write_text(json.dumps({"v1_7": entry}))
    with pytest.raises(UserError, match="v1_7: question, answer and a list of capabilities"):
        read_questions(path)
