"""ScienceQA: LLaVA's eval_science_qa.py with the official break-down of tools/evaluate_acc.py.

Reads of a Sample: `options`, `answers` (the letter), `hint` (raw), meta `subject`, `grade`, `topic`, `has_image`; and
of an Answer the `prompt`, since LLaVA counts as IMG what was asked with `<image>` in the prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from emma_eval.scorers.arithmetic import mean_percent
from emma_eval.scorers.common import accuracies, averaged, by_group, read_of, require_truth, score_each, unread_note
from emma_eval.types import IMAGE_MARKER, Answers, Sample, Scores

LETTERS = ("A", "B", "C", "D", "E")
FAILED = "FAILED"
LETTER_AND_TEXT = re.compile(r"([A-E])\. ")
THE_ANSWER_IS = re.compile(r"The answer is ([A-Z]).")  # the last `.` is any character, as officially


def read_gpt3(text: str) -> str:
    """The letter of the only `The answer is X.`, else FAILED. Pattern of the official GPT-3 runs."""
    found = THE_ANSWER_IS.findall(text)
    return found[0] if len(found) == 1 else FAILED


def read_llava(text: str) -> str:
    """A bare letter, or `X. ...`, else as `read_gpt3`. So `A.` and `(A)` fail."""
    if text in LETTERS:
        return text
    opening = LETTER_AND_TEXT.match(text)
    return opening[1] if opening else read_gpt3(text)


def scienceqa(samples: Sequence[Sample], answers: Answers, *, pattern: Literal["llava", "gpt3"] = "llava") -> Scores:
    """Accuracy in percent: overall, IMG, and by subject, context, grade and topic.

    An answer whose letter has no option is wrong, like a missing one.
    """
    require_truth(samples)
    read_letter = read_gpt3 if pattern == "gpt3" else read_llava

    def read(sample: Sample, text: str) -> tuple[float, str]:
        letter = read_letter(text)
        return float(letter in LETTERS[: len(sample.options)] and letter == sample.references[0]), letter

    scored = score_each(samples, answers, read)
    hits = [score.score for score in scored]
    with_image = [place for place, sample in enumerate(samples) if _asked_with_image(sample, answers)]
    groups = by_group(map(_groups, samples), hits)
    metrics = (
        averaged("accuracy", hits, mean_percent),
        averaged("img_accuracy", [hits[place] for place in with_image], mean_percent, places=with_image),
        *accuracies({key: groups[key] for key in sorted(groups)}, mean_percent),
    )
    return Scores(metrics, tuple(scored), unread_note(read_of(scored), LETTERS))


def _asked_with_image(sample: Sample, answers: Answers) -> bool:
    """As LLaVA's script sees it: a missing answer was not asked with an image. Without a prompt the sample decides."""
    answer = answers.get((sample.id, 0))
    if answer is None:
        return False
    return IMAGE_MARKER in answer.prompt if answer.prompt else bool(sample.meta["has_image"])


def _groups(sample: Sample) -> Iterator[tuple[str, str]]:
    """The groups of evaluate_acc.py that the sample is in; a question can have text and an image."""
    meta = sample.meta
    yield "subject", meta["subject"]
    if sample.hint:
        yield "context", "text"
    if meta["has_image"]:
        yield "context", "image"
    if not sample.hint and not meta["has_image"]:
        yield "context", "none"
    if meta["grade"].removeprefix("grade") in {"1", "2", "3", "4", "5", "6"}:
        yield "grade", "1-6"
    if meta["grade"].removeprefix("grade") in {"7", "8", "9", "10", "11", "12"}:
        yield "grade", "7-12"
    yield "topic", meta["topic"]
