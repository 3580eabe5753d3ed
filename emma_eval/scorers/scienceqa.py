"""ScienceQA: LLaVA's eval_science_qa.py with the official break-down of tools/evaluate_acc.py.

Reads of a Sample: `options`, `references` (the letter), `hint` (raw), meta `subject`, `grade`, `topic`, `has_image`;
of an Answer `prompt`, since LLaVA counts a question as IMG if `<image>` is in its prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from emma_eval.scorers.arithmetic import mean_percent
from emma_eval.scorers.common import (
    group_accuracies,
    group_samples,
    mean_metric,
    parsed_answers,
    require_references,
    score_samples,
    unparsed_note,
)
from emma_eval.types import IMAGE_MARKER, Answers, Sample, Scores

LETTERS = ("A", "B", "C", "D", "E")
GRADES = {str(grade): "1-6" if grade <= 6 else "7-12" for grade in range(1, 13)}
FAILED = "FAILED"  # as the official scripts call an answer without a letter
LETTER_AND_TEXT = re.compile(r"([A-E])\. ")
THE_ANSWER_IS = re.compile(r"The answer is ([A-Z]).")  # the last `.` is any character, as officially


def parse_gpt3(text: str) -> str:
    """The letter of the only `The answer is X.`, else FAILED; the pattern of the official GPT-3 runs."""
    found = THE_ANSWER_IS.findall(text)
    return found[0] if len(found) == 1 else FAILED


def parse_llava(text: str) -> str:
    """A bare letter, or the X of `X. ...`, else as `parse_gpt3`. So `A.` and `(A)` fail."""
    if text in LETTERS:
        return text
    opening = LETTER_AND_TEXT.match(text)
    return opening[1] if opening else parse_gpt3(text)


def scienceqa(samples: Sequence[Sample], answers: Answers, *, pattern: Literal["llava", "gpt3"] = "llava") -> Scores:
    """Accuracy in percent: overall, IMG, and by subject, context, grade and topic.

    An answer whose letter has no option is wrong, like a missing one.
    """
    require_references(samples)
    parse_letter = parse_gpt3 if pattern == "gpt3" else parse_llava

    def grade(sample: Sample, text: str) -> tuple[float, str]:
        letter = parse_letter(text)
        return float(letter in LETTERS[: len(sample.options)] and letter == sample.references[0]), letter

    sample_scores = score_samples(samples, answers, grade)
    scores = [score.score for score in sample_scores]
    with_image = [index for index, sample in enumerate(samples) if _asked_with_image(sample, answers)]
    groups = group_samples(map(_groups, samples), scores)
    metrics = (
        mean_metric("accuracy", scores, mean_percent),
        mean_metric("img_accuracy", [scores[index] for index in with_image], mean_percent, indices=with_image),
        *group_accuracies({key: groups[key] for key in sorted(groups)}, mean_percent),
    )
    return Scores(metrics, tuple(sample_scores), unparsed_note(parsed_answers(sample_scores), LETTERS))


def _asked_with_image(sample: Sample, answers: Answers) -> bool:
    """As in LLaVA's script, a missing answer was not asked with an image. Without a prompt the sample decides."""
    answer = answers.get((sample.id, 0))
    if answer is None:
        return False
    return IMAGE_MARKER in answer.prompt if answer.prompt else bool(sample.meta["has_image"])


def _groups(sample: Sample) -> Iterator[tuple[str, str]]:
    """The sample's (group, category) pairs, as in evaluate_acc.py; its context can be both a text and an image."""
    meta = sample.meta
    yield "subject", meta["subject"]
    if sample.hint:
        yield "context", "text"
    if meta["has_image"]:
        yield "context", "image"
    if not sample.hint and not meta["has_image"]:
        yield "context", "none"
    grade = meta["grade"].removeprefix("grade")
    if grade in GRADES:
        yield "grade", GRADES[grade]
    yield "topic", meta["topic"]
