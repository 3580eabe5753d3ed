"""What every metric family needs: the truth is there, the answer or none, averages over groups."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

from emma_eval.errors import UserError
from emma_eval.scorers.arithmetic import mean_percent
from emma_eval.types import Answers, Metric, Sample, SampleScore

GroupT = TypeVar("GroupT", bound=Hashable)


def require_truth(samples: Sequence[Sample]) -> None:
    """Raise UserError if there is nothing to score, or a sample whose truth is held back."""
    if not samples:
        raise UserError("there are no samples to score")
    held_back = next((sample.id for sample in samples if not sample.answers), None)
    if held_back is not None:
        raise UserError(
            f"sample {held_back!r} has no ground truth (held back for the test server?): it cannot be scored here"
        )


def percent_by(
    group: str,
    categories: Iterable[str],
    values: Iterable[float],
    average: Callable[[Sequence[float]], float] = mean_percent,
) -> list[Metric]:
    """The accuracy in percent of each category, in the order of first appearance; values are credits in [0, 1]."""
    members = values_by_group(((category,) for category in categories), values)
    return [
        Metric("accuracy", average(credit), len(credit), "percent", group, name) for name, credit in members.items()
    ]


def values_by_group(groups: Iterable[Iterable[GroupT]], values: Iterable[float]) -> dict[GroupT, list[float]]:
    """The values that each group has, in the order of first appearance; `groups` are those of each value."""
    members: dict[GroupT, list[float]] = {}
    for its_groups, value in zip(groups, values, strict=True):
        for group in its_groups:
            members.setdefault(group, []).append(value)
    return members


def score_each(
    samples: Sequence[Sample], answers: Answers, read: Callable[[Sample, str], tuple[float, str]]
) -> list[SampleScore]:
    """Score each sample on its own: `read` turns sample and text into (credit, how the text was read)."""
    scored = []
    for sample in samples:
        answer = answers.get((sample.id, 0))
        if answer is None:
            scored.append(SampleScore(sample.id, 0.0, "", "missing"))  # wrong, never dropped
        else:
            scored.append(SampleScore(sample.id, *read(sample, answer.text)))
    return scored
