"""HallusionBench's judge: the official prompts, what a reply means, and the official arithmetic."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from emma_eval.errors import UserError
from emma_eval.judges.hallusionbench import CORRECTNESS, JUDGE, SAMENESS
from emma_eval.judges.hallusionbench_scores import parse_correctness, read_questions
from emma_eval.judges.task_judge import JudgedTask
from emma_eval.types import Answer, Sample

KEYS = ("category", "subcategory", "set_id", "figure_id", "question_id")
WORDS = {"0": "Incorrect.", "1": "“correct”", "2": "unclear"}

# 48 invented verdicts, and whether the answers say the same as those to the original figures. EXPECTED is what the
# functions of utils.py and evaluation.py of tianyi-lab/HallusionBench at 744007c give of them, printed as there.
VERDICTS = "001010010100110012102010000101101000110110110111"
SAME = "110010101100111110011001111101100100100111001110"
EXPECTED = {
    "accuracy": 45.8333,
    "figure_accuracy": 10.0,
    "pair_accuracy": 6.25,
    "easy_accuracy": 43.75,
    "hard_accuracy": 31.25,
    "inconsistent_figures": 65.0,
    "wrong_figures": 25.0,
    "yes_bias": -0.125,
    "false_positive_ratio": 0.38461538461538464,
    "language_hallucination": 23.0769,
    "visual_illusion": 61.5385,
    "mixed": 15.3846,
}


def official_rows() -> list[dict[str, str]]:
    """Four sets of each category, of three figures with two questions each; those of VS begin without a figure."""
    return [
        {
            "category": category,
            "subcategory": "s",
            "visual_input": str(figure if category == "VS" else 1 + (figure > 0)),
            "set_id": str(set_id),
            "figure_id": str(figure),
            "question_id": str(question),
            "question": f"Is it {set_id}?",
            "gt_answer": str((figure + question) % 2),
            "gt_answer_details": "It is.",
        }
        for category in ("VD", "VS")
        for set_id in range(4)
        for figure in range(3)
        for question in range(2)
    ]


def judged_task(folder: Path, rows: list[dict[str, str]]) -> JudgedTask:
    path = folder / "HallusionBench.json"
    path.write_text(json.dumps(rows))
    samples = [
        Sample(
            "_".join(row[key] for key in KEYS),
            row["question"],
            references=(("no", "yes")[int(row["gt_answer"])],),
            category=row["category"],
            meta={key: row[key] for key in KEYS},
        )
        for row in rows
    ]
    answers = {(sample.id, 0): Answer(f"answer {number}") for number, sample in enumerate(samples)}
    return JudgedTask("hallusionbench_full", samples, answers, {"questions": path})


def first_replies(task: JudgedTask) -> dict[tuple[str, int], list[str]]:
    return {(sample.id, 0): [WORDS[verdict]] for sample, verdict in zip(task.samples, VERDICTS, strict=True)}


def all_replies(task: JudgedTask) -> dict[tuple[str, int], list[str]]:
    replies = first_replies(task)
    same = {(sample.id, 1): ["different", "“same”"][int(one)] for sample, one in zip(task.samples, SAME, strict=True)}
    second = [request.key for request in JUDGE.requests(task, replies) if request.key[1] == 1]
    return replies | {key: [same[key]] for key in second}


def test_the_prompts_are_the_official_ones() -> None:
    """The SHA-256 were taken of what utils.py at 744007c composes of these texts."""
    correctness = CORRECTNESS.format(question="Q?", reference="R.", answer="A")
    sameness = SAMENESS.format(answer="A", original="O")
    assert [hashlib.sha256(text.encode()).hexdigest() for text in (correctness, sameness)] == [
        "29107e939525eb93d70562393e2b9972f6106c7b3a22ed5b2786b7e2501b9d64",
        "c929e2d1dfa1f8999872bb304dd4aed61a453c9cd71fc61c765c4a6291afc544",
    ]


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("correct", "correct"), ("Incorrect", "incorrect"), ("It is not correct.", "correct"), ("unclear", "unclear"),
        ("", "unclear"), ("correct, not incorrect", "incorrect"),
    ],
)  # fmt: skip
def test_incorrect_is_looked_for_before_correct(reply: str, verdict: str) -> None:
    assert parse_correctness(reply) == verdict


def test_the_arithmetic_is_the_official_one(tmp_path: Path) -> None:
    task = judged_task(tmp_path, official_rows())
    metrics = JUDGE.scores(task, all_replies(task)).metrics
    found = {one.name: round(one.value, 4) if one.unit == "percent" else one.value for one in metrics if not one.group}
    assert found == EXPECTED


def test_a_value_follows_from_its_ratios(tmp_path: Path) -> None:
    """So that intervals are of the same number."""
    task = judged_task(tmp_path, official_rows())
    for metric in JUDGE.scores(task, all_replies(task)).metrics:
        (ratio,) = metric.ratios
        below = len(ratio.numerator) if ratio.denominator is None else sum(ratio.denominator)
        assert metric.scale * sum(ratio.numerator) / below == pytest.approx(metric.value, abs=1e-9), metric.name


def test_without_a_figure_not_to_know_is_right(tmp_path: Path) -> None:
    row = official_rows()[24]
    assert (row["category"], row["visual_input"]) == ("VS", "0")
    task = judged_task(tmp_path, [row])
    for reply, score in (("unclear", 1.0), ("correct", 1.0), ("incorrect", 0.0)):
        assert JUDGE.scores(task, {(task.samples[0].id, 0): [reply]}).samples[0].score == score


def test_sameness_is_asked_where_it_decides_once_all_answers_are_judged(tmp_path: Path) -> None:
    task = judged_task(tmp_path, official_rows())
    assert all(request.key[1] == 0 for request in JUDGE.requests(task, {}))
    second = [one for one in JUDGE.requests(task, first_replies(task)) if one.key[1] == 1]
    assert len(second) == 9
    (attempt,) = second[0].attempts
    assert (attempt.temperature, attempt.max_tokens) == (None, None)
    assert attempt.user.startswith("Imagine you are an intelligent teacher. Thoroughly read the two responses")


def test_where_no_causes_are_reported_sameness_is_not_asked(tmp_path: Path) -> None:
    """As in `hallusionbench`, which leaves out the questions without a figure."""
    task = judged_task(tmp_path, [row for row in official_rows() if row["visual_input"] != "0"])
    replies = {(sample.id, 0): ["incorrect" if "_1_" in sample.id else "correct"] for sample in task.samples}
    assert all(request.key[1] == 0 for request in JUDGE.requests(task, replies))
    assert "mixed" not in {metric.name for metric in JUDGE.scores(task, replies).metrics}


def test_an_answer_that_failed_is_wrong_and_not_judged(tmp_path: Path) -> None:
    task = judged_task(tmp_path, official_rows()[24:26])
    task = JudgedTask(task.name, task.samples, {(task.samples[0].id, 0): Answer("x")}, task.files)
    (request,) = JUDGE.requests(task, {})
    samples = JUDGE.scores(task, {request.key: ["unclear"]}).samples
    assert [(one.score, one.status, one.parsed_answer) for one in samples] == [
        (1.0, "answered", "unclear"), (0.0, "missing", ""),
    ]  # fmt: skip


def test_entries_that_are_no_questions_are_named(tmp_path: Path) -> None:
    path = tmp_path / "HallusionBench.json"
    rows = official_rows()[:2]
    for content, message in (
        ([rows[0], {}], "entry 1 .from 0.: the key 'category' is missing"),
        ([rows[0] | {"gt_answer_details": None}], "question and gt_answer_details must be texts"),
    ):
        path.write_text(json.dumps(content))
        with pytest.raises(UserError, match=message):
            read_questions(path)
    task = judged_task(tmp_path, rows)
    path.write_text(json.dumps(rows[:1]))
    with pytest.raises(UserError, match="has no entry for VD_s_0_0_1"):
        JUDGE.requests(task, {})
