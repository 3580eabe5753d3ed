"""LLaVA-Bench (in the wild), as LLaVA's eval_gpt_review_bench.py asks GPT-4 and summarize_gpt_review.py counts.

The judge reads captions of the image, the question, GPT-4's own answer (Assistant 1) and the model's (Assistant 2), and
begins its review with a line of two scores. The benchmark's score is the quotient of the two means, in percent.

The official script joins an image's captions, one a line. In the official file the caption is one text, though, of
which it so puts each letter on a line. That is what the official judge reads, and what the judge reads here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from emma_eval.errors import UserError
from emma_eval.judges.task_judge import Attempt, JudgedTask, JudgeRequest, Replies, TaskJudge
from emma_eval.scorers.arithmetic import mean
from emma_eval.types import Metric, Ratio, SampleScore, Scores
from emma_eval.utils.json_io import read_json_lines

LineT = TypeVar("LineT")

# From haotian-liu/LLaVA at c121f04, Apache-2.0: llava/eval/table/rule.json has this prompt, with the role Assistant,
# for each of the three categories, llava_bench_conv, llava_bench_detail and llava_bench_complex.
RULE = """\
We would like to request your feedback on the performance of two AI assistants in response to the user question \
displayed above. The user asks the question on observing an image. For your reference, the visual content in the image \
is represented with a few sentences describing the image. \n\
Please rate the helpfulness, relevance, accuracy, level of details of their responses. Each assistant receives an \
overall score on a scale of 1 to 10, where a higher score indicates better overall performance.
Please first output a single line containing only two values indicating the scores for Assistant 1 and 2, \
respectively. The two scores are separated by a space.
In the subsequent line, please provide a comprehensive explanation of your evaluation, avoiding any potential bias and \
ensuring that the order in which the responses were presented does not affect your judgment."""
SYSTEM = "You are a helpful and precise assistant for checking the quality of the answer."
LAYOUT = """\
[Context]
{context}

[Question]
{question}

[Assistant 1]
{reference}

[End of Assistant 1]

[Assistant 2]
{answer}

[End of Assistant 2]

[System]
{rule}

"""
TEMPERATURE, MAX_TOKENS = 0.2, 1024
CATEGORIES = ("conv", "detail", "complex")
UNREADABLE = (-1.0, -1.0)  # what the official tool counts for a review that does not begin with two scores
BEST = 10.0


def parse_scores(review: str) -> tuple[float, float] | None:
    """The two scores of the first line: two numbers with one blank, or one comma, between them; None without them.

    `8, 9` gives none, as in the official tool, which splits at each blank.
    """
    parts = review.split("\n", maxsplit=1)[0].replace(",", " ").split(" ")
    try:
        first, second = map(float, parts)
    except ValueError:
        return None
    return (first, second) if math.isfinite(first) and math.isfinite(second) else None


@dataclass(frozen=True, slots=True)
class Question:
    """A line of the official `questions.jsonl`."""

    text: str
    image: str  # its file's name
    category: str


def requests(task: JudgedTask, _: Replies) -> list[JudgeRequest]:
    """One review of each answer."""
    captions = {
        row["image"]: "\n".join(row["caption"])  # of a text its letters, as in the official script
        for row in _rows(task.files["context"], {"image": str, "caption": str | list})
    }
    references = {
        str(row["question_id"]): row["text"]
        for row in _rows(task.files["reference"], {"question_id": int | str, "text": str})
    }
    found = []
    for sample, question in zip(task.samples, _questions(task), strict=True):
        prompt = LAYOUT.format(
            context=_line_of(captions, question.image, task.files["context"]),
            question=question.text,
            reference=_line_of(references, sample.id, task.files["reference"]),
            answer=task.text(sample),
            rule=RULE,
        )
        attempt = Attempt(prompt, SYSTEM, TEMPERATURE, MAX_TOKENS)
        found.append(JudgeRequest((sample.id, 0), (attempt,), lambda review: parse_scores(review) is not None))
    return found


def _questions(task: JudgedTask) -> list[Question]:
    """The question of each sample. Raises UserError for one that the file lacks, or for which there is no prompt."""
    path = task.files["questions"]
    fields = {"question_id": int | str, "text": str, "image": str, "category": str}
    rows = {
        str(row["question_id"]): Question(row["text"], row["image"], row["category"]) for row in _rows(path, fields)
    }
    questions = [_line_of(rows, sample.id, path) for sample in task.samples]
    if other := next((one.category for one in questions if one.category not in CATEGORIES), None):
        raise UserError(f"{path}: there is no official prompt for the category {other!r}")
    return questions


def _line_of(lines: Mapping[str, LineT], key: str, path: Path) -> LineT:
    if key not in lines:
        raise UserError(f"{path} has no line for {key}: it is of another release")
    return lines[key]


def scores(task: JudgedTask, replies: Replies) -> Scores:
    """The relative score, 100 times the model's mean over GPT-4's: of all questions and of each category.

    Means are rounded to three places first, as the official tool does, which prints one. Beside them the two means.
    """
    pairs = [parse_scores(replies[sample.id, 0][0]) or UNREADABLE for sample in task.samples]
    everything = range(len(pairs))
    questions = _questions(task)
    groups = {
        category: [index for index in everything if questions[index].category == category] for category in CATEGORIES
    }
    metrics = [_relative("", everything, pairs)]
    metrics += [_relative(category, indices, pairs) for category, indices in groups.items() if indices]
    for place, name in ((1, "mean_score"), (0, "reference_mean_score")):
        column = [pair[place] for pair in pairs]
        metrics.append(
            Metric(name, mean(column), len(pairs), "number", ratios=(Ratio(column),), value_is_bounded=False)
        )
    samples = tuple(
        SampleScore(sample.id, min(max(own, 0.0), BEST) / BEST, f"{reference:g} {own:g}", cluster=question.image)
        for sample, question, (reference, own) in zip(task.samples, questions, pairs, strict=True)
    )
    return Scores(tuple(metrics), samples, cluster_unit="image")


def _relative(category: str, indices: Sequence[int], pairs: Sequence[tuple[float, float]]) -> Metric:
    reference, answer = ([pairs[index][place] for index in indices] for place in (0, 1))
    below = round(mean(reference), 3)
    if not below:
        raise UserError("the mean of the scores of GPT-4's own answers is 0, so there is no quotient")
    value = round(mean(answer), 3) / below * 100
    ratio = Ratio(answer, reference, None if len(indices) == len(pairs) else indices)
    return Metric(
        "score",
        value,
        len(indices),
        "points",
        "category" if category else "",
        category,
        ratios=(ratio,),
        scale=100.0,
        value_is_bounded=False,
    )


def _rows(path: Path, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows: list[Any] = read_json_lines(path)
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or not all(isinstance(row.get(key), kind) for key, kind in fields.items()):
            raise UserError(f"{path}, line {number}: {' and '.join(fields)} are expected")
        caption = row.get("caption")
        if isinstance(caption, list) and not all(isinstance(text, str) for text in caption):
            raise UserError(f"{path}, line {number}: the captions must be texts")
    return rows


JUDGE = TaskJudge(
    source="llava/eval/eval_gpt_review_bench.py of haotian-liu/LLaVA at c121f04",
    judge="gpt-4-0314",
    prompt="\n\n".join((SYSTEM, LAYOUT, RULE, f"temperature {TEMPERATURE}, at most {MAX_TOKENS} tokens")),
    requests=requests,
    scores=scores,
)
