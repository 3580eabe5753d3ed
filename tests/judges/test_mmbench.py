"""MMBench's judge: asked about passes without a letter alone, as long as their question is open."""

from __future__ import annotations

import hashlib

import pytest

from emma_eval.judges.mmbench import CHINESE_PROMPT, JUDGE, PROMPT, judge_prompt
from emma_eval.judges.task_judge import JudgedTask
from emma_eval.types import Answer, Sample

PASSES = [({"A": "red", "B": "blue"}, "A"), ({"A": "blue", "B": "red"}, "B")]


def question(key: str, text: str = "Which colour") -> Sample:
    meta = {"passes": PASSES, "l2_category": "perception", "split": "dev"}
    return Sample(key, text, references=("A",), options=("red", "blue"), category="colour", meta=meta)


def judged_task(*answers: tuple[str | None, str | None]) -> JudgedTask:
    """A question for each pair of texts, one a pass; None for a pass that failed."""
    texts = {(str(q), r): Answer(text) for q, pair in enumerate(answers) for r, text in enumerate(pair) if text}
    return JudgedTask("mmbench_en", [question(str(number)) for number in range(len(answers))], texts, {})


def asked(task: JudgedTask, replies: dict[tuple[str, int], list[str]] | None = None) -> list[tuple[str, int]]:
    return [request.key for request in JUDGE.requests(task, replies or {})]


@pytest.mark.parametrize(
    ("prompt", "official"),
    [
        (PROMPT, "133b2beaa0ce149aab95c6d01d4629f034e8861c723fc302ab3853a41e690c86"),
        (CHINESE_PROMPT, "6cd5198da4ff3d4179a6db5bf17eeb181fa9e55caba876e632f7c583ac0eeb7c"),
    ],
)
def test_the_prompts_are_the_official_ones(prompt: str, official: str) -> None:
    """The SHA-256 were taken of `tmpl` in build_prompt and build_prompt_cn of open-compass/VLMEvalKit at e8e78f0."""
    assert hashlib.sha256(prompt.encode()).hexdigest() == official


def test_a_prompt_has_question_options_and_answer() -> None:
    end = "Question: Which?\nOptions: There are several options: \nA. red\nB. blue\n\nAnswer: crimson\nYour output: "
    assert judge_prompt("Which", PASSES[0][0], "crimson").endswith(f"Example 3: \n{end}")
    assert judge_prompt("哪个", PASSES[0][0], "crimson").startswith("你是一个帮助我匹配答案")


def test_questions_that_rules_decide_are_not_asked_about() -> None:
    assert asked(judged_task(("A", "B"), ("A", "A"), ("crimson", "A"), ("crimson", None))) == []


def test_the_passes_of_an_open_question_are_asked_one_after_the_other_until_one_is_wrong() -> None:
    task = judged_task(("crimson", "crimson"), ("A", "crimson"))
    assert asked(task) == [("0", 0), ("1", 1)]
    assert asked(task, {("0", 0): ["A"], ("1", 1): ["B"]}) == [("0", 0), ("0", 1), ("1", 1)]
    assert asked(task, {("0", 0): ["B"], ("1", 1): ["B"]}) == [("0", 0), ("1", 1)]
    (attempt, *others) = JUDGE.requests(task, {})[0].attempts
    assert (attempt.temperature, attempt.max_tokens, len(others)) == (0.0, 2048, 2)


def test_a_question_is_right_if_every_pass_is_by_rules_or_by_the_judge() -> None:
    task = judged_task(("crimson", "crimson"), ("A", "crimson"), ("crimson", "B"), ("A", "B"), ("A", None))
    replies = {("0", 0): ["A"], ("0", 1): ["The answer is B."], ("1", 1): ["Z"], ("2", 0): ["I cannot say"]}
    scores = JUDGE.scores(task, replies)
    assert [(one.score, one.parsed_answer) for one in scores.samples] == [
        (1.0, "AB"), (0.0, "AZ"), (0.0, "ZB"), (1.0, "AB"), (0.0, "A-"),
    ]  # fmt: skip
    (overall,) = [metric for metric in scores.metrics if not metric.group]
    assert (overall.name, overall.value, overall.n) == ("accuracy", 0.4, 5)


def test_what_the_judge_reads_is_the_answer_after_the_official_table_file() -> None:
    """An empty cell, or one with a word for no value, is read back as nan."""
    (request,) = JUDGE.requests(judged_task(("None", "B")), {})
    assert "\nAnswer: nan\nYour output: " in request.attempts[0].user


@pytest.mark.parametrize(
    ("reply", "understood"), [("A", True), ("red", True), ("Z", True), ("A or B", False), ("", False)]
)
def test_a_reply_is_matched_by_the_rules_for_answers(reply: str, understood: bool) -> None:
    (request,) = JUDGE.requests(judged_task(("crimson", "B")), {})
    assert request.is_understood(reply) == understood
