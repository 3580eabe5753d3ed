"""What every metric family needs: the truth is there, the answer or none, averages over groups."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from emma_eval.errors import UserError
from emma_eval.scorers.arithmetic import mean_percent
from emma_eval.types import Answers, Metric, Ratio, Sample, SampleScore, Unit
from emma_eval.utils.text import pluralize

GroupT = TypeVar("GroupT", bound=Hashable)


YES_OR_NO = ("yes", "no")


def require_truth(samples: Sequence[Sample], among: Callable[[Sample], Collection[str]] = lambda _: ()) -> None:
    """Raise UserError if there is nothing to score, a truth is held back, or is not among those given (if any are).

    Shipped readers of one benchmark look at its truth themselves; with the reader `table` it may be anything.
    """
    if not samples:
        raise UserError("there are no samples to score")
    held_back = next((sample.id for sample in samples if not sample.references), None)
    if held_back is not None:
        raise UserError(
            f"sample {held_back!r} has no ground truth (held back for the test server?): it cannot be scored here"
        )
    for sample in samples:
        allowed, truth = among(sample), sample.references[0]
        if allowed and truth not in allowed:
            raise UserError(
                f"sample {sample.id!r}: the truth {truth!r:.80} is none of {', '.join(allowed)}; the keys answer, "
                "answer_is and answer_map of its task file's `columns` say how it is read"
            )


def truth_is_known(samples: Sequence[Sample]) -> bool:
    """Whether there are expected answers: False where all are held back. Raises UserError where only some are there."""
    without = [sample.id for sample in samples if not sample.references]
    if without and len(without) < len(samples):
        raise UserError(
            f"{len(without):,} of {pluralize(len(samples), 'sample')} have no expected answer, the first is "
            f"{without[0]!r}: complete the data; a split whose truth is held back has none at all"
        )
    return not without


Average = Callable[[Sequence[float]], float]


@dataclass(frozen=True, slots=True)
class Members:
    """The samples of a group: where they stand in Scores.samples, and their values."""

    places: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)


def averaged(  # noqa: PLR0913 (a metric has so many parts)
    name: str,
    values: Sequence[float],
    average: Average,
    unit: Unit = "percent",
    *,
    places: Sequence[int] | None = None,
    group: str = "",
    category: str = "",
) -> Metric:
    """The metric that is a mean of values, one a sample; `places` unless they are those of all samples in order."""
    ratios = (Ratio(values, sample_indices=places),)
    scale = 100.0 if unit == "percent" else 1.0
    return Metric(name, average(values), len(values), unit, group, category, ratios=ratios, scale=scale)


def percent_by(
    group: str,
    categories: Iterable[str],
    values: Iterable[float],
    average: Average = mean_percent,
    places: Iterable[int] | None = None,
) -> list[Metric]:
    """The accuracy in percent of each category, in the order of first appearance; values are credits in [0, 1]."""
    members = by_group(((category,) for category in categories), values, places)
    return accuracies({(group, category): rows for category, rows in members.items()}, average)


def accuracies(members: Mapping[tuple[str, str], Members], average: Average, unit: Unit = "percent") -> list[Metric]:
    """The accuracy of each (group, category)."""
    return [
        averaged("accuracy", rows.values, average, unit, places=rows.places, group=group, category=category)
        for (group, category), rows in members.items()
    ]


def by_group(
    groups: Iterable[Iterable[GroupT]], values: Iterable[float], places: Iterable[int] | None = None
) -> dict[GroupT, Members]:
    """The samples that each group has, in the order of first appearance; `groups` are those of each value."""
    members: dict[GroupT, Members] = {}
    for its_groups, value, place in zip(groups, values, places or count(), strict=False):
        for group in its_groups:
            rows = members.setdefault(group, Members())
            rows.places.append(place)
            rows.values.append(value)
    return members


def image_of(sample: Sample) -> str:
    """What samples on one image have in common; the sample's own id where there is no image."""
    if "image" in sample.meta:
        return str(sample.meta["image"])
    return sample.images[0].name if sample.images else sample.id


def unread_note(read: Iterable[str], known: Collection[str], what: str = "no letter") -> tuple[str, ...]:
    """How many answers were read as nothing that is known, so that a wrong format is not taken for a wrong answer."""
    answered = list(read)
    unread = sum(one not in known for one in answered)
    if not unread:
        return ()
    verb = "counts" if unread == 1 else "count"
    return (f"{unread:,} of {pluralize(len(answered), 'answer')} gave {what} and {verb} as wrong",)


def read_of(scored: Iterable[SampleScore]) -> Iterator[str]:
    """How each answer that is there was read."""
    return (score.parsed_answer for score in scored if score.status == "answered")


def score_each(
    samples: Sequence[Sample],
    answers: Answers,
    read: Callable[[Sample, str], tuple[float, str]],
    cluster: Callable[[Sample], str] = lambda _: "",
) -> list[SampleScore]:
    """Score each sample on its own: `read` turns sample and text into (credit, how the text was read).

    `cluster` names what the sample is resampled with; by default each is by itself.
    """
    scored = []
    for sample in samples:
        answer = answers.get((sample.id, 0))
        if answer is None:
            scored.append(SampleScore(sample.id, 0.0, "", "missing", cluster(sample)))  # wrong, never dropped
        else:
            scored.append(SampleScore(sample.id, *read(sample, answer.text), cluster=cluster(sample)))
    return scored
