"""MathVista's judge: asked where the official rules extract nothing, with the official prompt.

tests/golden/test_mathvista.py has the verdicts of official judges.
"""

from __future__ import annotations

import hashlib

from emma_eval.judges.mathvista import EXAMPLES, JUDGE
from emma_eval.judges.task_judge import JudgedTask
from emma_eval.types import Answer, Sample


def sample(pid: str, form: str, answer: str, *options: str) -> Sample:
    kind = "multi_choice" if options else "free_form"
    meta = {"question_type": kind, "answer_type": form, "precision": 1.0 if form == "float" else None}
    return Sample(pid, f"Hint: ...\nQuestion: What is {pid}?", references=(answer,), options=options, meta=meta)


SAMPLES = (
    sample("1", "text", "red", "red", "blue"),
    sample("2", "integer", "14"),
    sample("3", "float", "1.2"),
)


def judged_task(*texts: str) -> JudgedTask:
    answers = {(one.id, 0): Answer(text) for one, text in zip(SAMPLES, texts, strict=False)}
    return JudgedTask("mathvista", SAMPLES, answers, {})


def test_the_examples_are_the_official_ones() -> None:
    """The SHA-256 was taken of `demo_prompt.strip()` in evaluation/prompts/ext_ans.py of lupantech/MathVista."""
    official = "2c251ab9e219c5d7db855ad5a9ef44d5bdb10639244b8d28e3ee66a5bda3f71c"
    assert hashlib.sha256(EXAMPLES.encode()).hexdigest() == official


def test_the_judge_is_asked_where_the_rules_extract_nothing() -> None:
    assert not JUDGE.requests(judged_task("blue", "14", "1.20"), {})
    assert not JUDGE.requests(judged_task("", "", ""), {})
    found = JUDGE.requests(judged_task("It is red.", "about 14", 'The answer is "1.2".'), {})
    assert [one.key for one in found] == [("1", 0), ("2", 0), ("3", 0)]  # the last is one of --quick_extract alone
    attempt = found[1].attempts[0]
    assert attempt.user == f"{EXAMPLES}\n\nHint: ...\nQuestion: What is 2?\n\nabout 14\n\nExtracted answer: "
    assert (attempt.temperature, attempt.max_tokens) == (0.0, 1024)


def test_an_empty_reply_is_asked_for_again_and_what_is_left_empty_is_no_answer() -> None:
    task = judged_task("It is red.", "about 14", "1.2")
    request = JUDGE.requests(task, {})[1]
    assert (request.is_understood(""), request.is_understood("14"), len(request.attempts)) == (False, True, 5)
    scores = JUDGE.scores(task, {("1", 0): ["(A)"], ("2", 0): [""]})
    assert [(one.score, one.parsed_answer) for one in scores.samples] == [(1.0, "red"), (0.0, ""), (1.0, "1.2")]


def test_extractions_are_normalised_as_the_official_tool_does() -> None:
    """By hand: `Redd` is nearest to red, 14.7 is cut to 14, 1.249 is rounded to 1.2."""
    task = judged_task("It is red.", "about 14", "1.2 or so")
    scores = JUDGE.scores(task, {("1", 0): ["Redd"], ("2", 0): [" 14.7\n"], ("3", 0): ["1.249"]})
    assert [one.score for one in scores.samples] == [1.0, 1.0, 1.0]
    assert (scores.metrics[0].name, scores.metrics[0].value) == ("accuracy", 1.0)
    assert "unextracted" not in {metric.name for metric in scores.metrics}


def test_an_answer_that_failed_is_wrong_and_not_judged() -> None:
    task = judged_task("It is red.")
    assert [one.key for one in JUDGE.requests(task, {})] == [("1", 0)]
    scores = JUDGE.scores(task, {("1", 0): ["A"]})
    assert [(one.score, one.status) for one in scores.samples] == [
        (1.0, "answered"), (0.0, "missing"), (0.0, "missing"),
    ]  # fmt: skip
