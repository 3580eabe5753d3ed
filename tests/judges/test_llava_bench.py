"""LLaVA-Bench's judge: the official prompt, the two scores of a review, and the arithmetic, by hand."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from emma_eval.errors import UserError
from emma_eval.judges.llava_bench import JUDGE, RULE, parse_scores
from emma_eval.judges.task_judge import JudgedTask
from emma_eval.types import Answer, Metric, Sample
from tests.judged_runs import CATEGORIES


def judged_task(folder: Path, captions: object = "Sky.") -> JudgedTask:
    (folder / "context.jsonl").write_text(json.dumps({"image": "001.jpg", "caption": captions}) + "\n")
    questions = [
        {"question_id": number, "image": "001.jpg", "text": f"What is {number}?", "category": category}
        for number, category in enumerate(CATEGORIES)
    ]
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in questions))
    rows = [{"question_id": number, "text": f"reference {number}"} for number in (3, 2, 1, 0)]  # not in their order
    (folder / "answers_gpt4.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    samples = [Sample(str(number), "as another source has it") for number in range(len(CATEGORIES))]
    answers = {(sample.id, 0): Answer(f"answer {sample.id}") for sample in samples}
    names = {"questions": "questions", "context": "context", "reference": "answers_gpt4"}
    files = {key: folder / f"{name}.jsonl" for key, name in names.items()}
    return JudgedTask("llava_bench", samples, answers, files)


def test_the_rule_is_the_official_one() -> None:
    """The SHA-256 was taken of each of the three rules of llava/eval/table/rule.json, haotian-liu/LLaVA at c121f04."""
    official = "2ce22b562d6008864970ea863ac8a4d385ea6f2e64ab1313a23f825202a9529d"
    assert hashlib.sha256(RULE.encode()).hexdigest() == official


def test_the_request_is_the_official_one(tmp_path: Path) -> None:
    first = JUDGE.requests(judged_task(tmp_path, ["A sky.", "It is blue."]), {})[0]
    (attempt,) = first.attempts
    assert (attempt.temperature, attempt.max_tokens) == (0.2, 1024)
    system = "You are a helpful and precise assistant for checking the quality of the answer."
    prompt = (
        "[Context]\nA sky.\nIt is blue.\n\n[Question]\nWhat is 0?\n\n[Assistant 1]\nreference 0\n\n[End of Assistant 1]"
        f"\n\n[Assistant 2]\nanswer 0\n\n[End of Assistant 2]\n\n[System]\n{RULE}\n\n"
    )
    assert attempt.messages == [{"role": "system", "content": system}, {"role": "user", "content": prompt}]


def test_of_a_caption_that_is_one_text_each_letter_is_a_line_as_in_the_official_script(tmp_path: Path) -> None:
    first = JUDGE.requests(judged_task(tmp_path, "Sky."), {})[0]
    assert first.attempts[0].user.startswith("[Context]\nS\nk\ny\n.\n\n[Question]\n")


@pytest.mark.parametrize(
    ("review", "scores"),
    [
        ("8 9", (8, 9)), ("8,9\nwell", (8, 9)), ("8.5 7\r\nso", (8.5, 7)), ("-1 3", (-1, 3)),
        ("8, 9\nwell", None),  # two blanks, at which the official tool splits twice
        (" 8 9", None), ("8 9 ", None), ("8  9", None), ("8", None), ("8 9 10", None), ("", None),
        ("Scores: 8 9", None), ("8/10 9/10", None), ("nan 8", None),
    ],
)  # fmt: skip
def test_a_review_begins_with_two_scores(review: str, scores: tuple[float, float] | None) -> None:
    assert parse_scores(review) == scores


def replies(*reviews: str) -> dict[tuple[str, int], list[str]]:
    return {(str(number), 0): [review] for number, review in enumerate(reviews)}


def found(task: JudgedTask, *reviews: str) -> dict[tuple[str, str], Metric]:
    return {(metric.name, metric.category): metric for metric in JUDGE.scores(task, replies(*reviews)).metrics}


def test_scores_are_quotients_of_means(tmp_path: Path) -> None:
    """All: (6 + 9 + 7 + 8) / (8 + 9 + 7 + 9) = 30 / 33, of means rounded to 7.5 and 8.25; conv: (6 + 8) / (8 + 9)."""
    task = judged_task(tmp_path)
    metrics = found(task, "8 6", "9 9", "7 7\nboth", "9 8")
    assert metrics["score", ""].value == 7.5 / 8.25 * 100
    assert metrics["score", "conv"].value == 7.0 / 8.5 * 100
    assert metrics["score", "detail"].value == metrics["score", "complex"].value == 100.0
    assert metrics["mean_score", ""].value == 7.5
    assert metrics["reference_mean_score", ""].value == 8.25
    assert [(key, metric.n) for key, metric in metrics.items()][:4] == [
        (("score", ""), 4), (("score", "conv"), 2), (("score", "detail"), 1), (("score", "complex"), 1),
    ]  # fmt: skip


def test_means_are_rounded_to_three_places_first(tmp_path: Path) -> None:
    """Of three questions: 22 / 3 is 7.333 and 25 / 3 is 8.333."""
    task = judged_task(tmp_path)
    task = JudgedTask(task.name, task.samples[:3], task.answers, task.files)
    assert found(task, "9 8", "8 7", "8 7")["score", ""].value == 7.333 / 8.333 * 100


def test_a_review_without_scores_counts_minus_one_twice(tmp_path: Path) -> None:
    """All: (6 - 1 + 7 + 8) / (8 - 1 + 7 + 9) = 20 / 23 of means 5 and 5.75; detail: -1 / -1."""
    task = judged_task(tmp_path)
    metrics = found(task, "8 6", "Both are good.", "7 7", "9 8")
    assert metrics["score", ""].value == 5.0 / 5.75 * 100
    assert metrics["score", "detail"].value == 100.0
    second = JUDGE.scores(task, replies("8 6", "Both are good.", "7 7", "9 8")).samples[1]
    assert (second.score, second.parsed_answer) == (0.0, "-1 -1")


def test_without_a_quotient_there_is_no_score(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is 0, so there is no quotient"):
        JUDGE.scores(judged_task(tmp_path), replies("0 1", "0 1", "0 1", "0 1"))


def test_files_of_another_release_are_refused(tmp_path: Path) -> None:
    task = judged_task(tmp_path)
    (tmp_path / "answers_gpt4.jsonl").write_text('{"question_id": 0, "text": "x"}\n')
    with pytest.raises(UserError, match=r"answers_gpt4.jsonl has no line for 1: it is of another"):
        JUDGE.requests(task, {})
    (tmp_path / "context.jsonl").write_text('{"image": "001.jpg", "caption": [1]}\n')
    with pytest.raises(UserError, match=r"context.jsonl, line 1: the captions must be texts"):
        JUDGE.requests(task, {})
    (tmp_path / "context.jsonl").write_text('{"image": "1.jpg", "caption": "a"}\n')
    with pytest.raises(UserError, match=r"context.jsonl has no line for 001.jpg"):
        JUDGE.requests(task, {})
    path = tmp_path / "questions.jsonl"
    path.write_text(path.read_text().replace("detail", "math"))
    with pytest.raises(UserError, match=r"questions.jsonl: there is no official prompt for the category 'math'"):
        JUDGE.requests(task, {})
    path.write_text(path.read_text().replace("math", "detail"))
    (tmp_path / "context.jsonl").write_text("[]\n")
    with pytest.raises(UserError, match=r"context.jsonl, line 1: image and caption are expected"):
        JUDGE.requests(task, {})


def test_an_answer_that_failed_leaves_no_score(tmp_path: Path) -> None:
    task = judged_task(tmp_path)
    with pytest.raises(UserError, match="2 has no answer, without which the official tool has no score"):
        JUDGE.requests(JudgedTask(task.name, task.samples, dict(list(task.answers.items())[:2]), task.files), {})
