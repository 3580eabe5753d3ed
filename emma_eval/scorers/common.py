"""What the scorers share: checks of references, scoring sample by sample, averages over groups, notes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

from emma_eval.errors import UserError
from emma_eval.scorers.arithmetic import mean_percent
from emma_eval.types import Answers, Metric, Ratio, Sample, SampleScore, Scores, Unit
from emma_eval.utils.text import pluralize

GroupT = TypeVar("GroupT", bound=Hashable)
Average = Callable[[Sequence[float]], float]

YES_OR_NO = ("yes", "no")


def require_references(samples: Sequence[Sample], among: Callable[[Sample], Collection[str]] = lambda _: ()) -> None:
    """Raise UserError if there are no samples, one has no reference, or its reference is none of those in `among`.

    `among` gives the allowed references of a sample, nothing if all are. Shipped readers of one benchmark check them
    themselves; the reader `table` can't.
    """
    if not samples:
        raise UserError("there are no samples to score")
    held_back = next((sample.id for sample in samples if not sample.references), None)
    if held_back is not None:
        raise UserError(
            f"sample {held_back!r} has no reference answer (held back for the test server?): it cannot be scored here"
        )
    for sample in samples:
        allowed, reference = among(sample), sample.references[0]
        if allowed and reference not in allowed:
            raise UserError(
                f"sample {sample.id!r}: the reference {reference!r:.80} is none of {', '.join(allowed)}; the keys "
                "answer, answer_is and answer_map of its task file's `columns` say how it is read"
            )


def references_are_known(samples: Sequence[Sample]) -> bool:
    """True if all samples have references, False if none has. Raises UserError if only some have."""
    without = [sample.id for sample in samples if not sample.references]
    if without and len(without) < len(samples):
        raise UserError(
            f"{len(without):,} of {pluralize(len(samples), 'sample')} have no expected answer, the first is "
            f"{without[0]!r}: complete the data; a split whose references are held back has none at all"
        )
    return not without


@dataclass(frozen=True, slots=True)
class GroupMembers:
    """The samples of a group: their indices in Scores.samples, and their scores."""

    indices: list[int] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)


def mean_metric(  # noqa: PLR0913 (a metric has so many parts)
    name: str,
    scores: Sequence[float],
    average: Average,
    unit: Unit = "percent",
    *,
    indices: Sequence[int] | None = None,
    group: str = "",
    category: str = "",
) -> Metric:
    """A metric that is a mean of scores, one a sample; `indices` are those of the samples, None for all in order."""
    ratios = (Ratio(scores, sample_indices=indices),)
    scale = 100.0 if unit == "percent" else 1.0
    return Metric(name, average(scores), len(scores), unit, group, category, ratios=ratios, scale=scale)


def accuracy_scores(samples: Sequence[Sample], sample_scores: Sequence[SampleScore]) -> Scores:
    """The accuracy in percent, overall and by the samples' category; there is one score a sample, in [0, 1]."""
    scores = [score.score for score in sample_scores]
    overall = mean_metric("accuracy", scores, mean_percent)
    return Scores(
        (overall, *accuracy_by("category", (sample.category for sample in samples), scores)), tuple(sample_scores)
    )


def accuracy_by(
    group: str,
    categories: Iterable[str],
    scores: Iterable[float],
    average: Average = mean_percent,
    indices: Iterable[int] | None = None,
) -> list[Metric]:
    """The accuracy in percent of each category, in the order of first appearance; scores are in [0, 1]."""
    members = group_samples(((category,) for category in categories), scores, indices)
    return group_accuracies({(group, category): of_one for category, of_one in members.items()}, average)


def group_accuracies(
    members: Mapping[tuple[str, str], GroupMembers], average: Average, unit: Unit = "percent"
) -> list[Metric]:
    """The accuracy of each (group, category), by the given average."""
    return [
        mean_metric("accuracy", rows.scores, average, unit, indices=rows.indices, group=group, category=category)
        for (group, category), rows in members.items()
    ]


def group_samples(
    groups: Iterable[Iterable[GroupT]], scores: Iterable[float], indices: Iterable[int] | None = None
) -> dict[GroupT, GroupMembers]:
    """The samples of each group, in the order of first appearance; `groups` has the groups of each score.

    `indices` are those of the scores' samples, None for all in order.
    """
    members: dict[GroupT, GroupMembers] = {}
    for sample_groups, score, index in zip(groups, scores, indices or count(), strict=False):  # count() has no end
        for group in sample_groups:
            of_group = members.setdefault(group, GroupMembers())
            of_group.indices.append(index)
            of_group.scores.append(score)
    return members


def image_of(sample: Sample) -> str:
    """The name of the sample's image, which samples on one image share; without an image the sample's own id."""
    if "image" in sample.meta:
        return str(sample.meta["image"])
    return sample.images[0].name if sample.images else sample.id


def unparsed_note(parsed: Iterable[str], known: Collection[str], missing: str = "no letter") -> tuple[str, ...]:
    """A note on how many parsed answers are none of the known ones: wrong formats should not pass for wrong answers."""
    answers = list(parsed)
    unparsed = sum(answer not in known for answer in answers)
    if not unparsed:
        return ()
    verb = "counts" if unparsed == 1 else "count"
    return (f"{unparsed:,} of {pluralize(len(answers), 'answer')} gave {missing} and {verb} as wrong",)


def parsed_answers(sample_scores: Iterable[SampleScore]) -> Iterator[str]:
    """The parsed answers of the samples that were answered."""
    return (score.parsed_answer for score in sample_scores if score.status == "answered")


def score_samples(
    samples: Sequence[Sample],
    answers: Answers,
    grade: Callable[[Sample, str], tuple[float, str]],
    cluster: Callable[[Sample], str] = lambda _: "",
) -> list[SampleScore]:
    """Score each sample by itself: `grade` maps (sample, answer text) to (score, parsed answer).

    `cluster` names the cluster in which the sample is resampled; by default each sample is one by itself.
    """
    sample_scores = []
    for sample in samples:
        answer = answers.get((sample.id, 0))
        if answer is None:
            sample_scores.append(SampleScore(sample.id, 0.0, "", "missing", cluster(sample)))  # wrong, never dropped
        else:
            sample_scores.append(SampleScore(sample.id, *grade(sample, answer.text), cluster=cluster(sample)))
    return sample_scores
