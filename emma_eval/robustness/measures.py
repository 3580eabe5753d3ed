"""What is measured of a variant: differences in pairs, agreement in meaning, changes both ways, the share of yes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import fsum
from typing import Any

from emma_eval.results.sample_statistics import TaskStatistics
from emma_eval.robustness.meaning import NO, YES, AskedTask, Meaning, is_yes_or_no
from emma_eval.robustness.records import Difference, FamilyResult, MetricDifference, Share, VariantResult
from emma_eval.robustness.variants import Variant
from emma_eval.stats.bootstrap import intervals
from emma_eval.stats.paired import MetricComparison, compare_metrics
from emma_eval.stats.subset import restrict_scores
from emma_eval.types import Metric, Ratio, SampleScore, Scores

FULL_SCORE = 1.0


def compare_variant(
    name: str,
    variant: Variant,
    left_out: Mapping[str, int],
    original: AskedTask,
    changed: AskedTask,
) -> VariantResult:
    """The variant against the original, on its samples; `p_holm` is that of one variant alone, `metric` is left out."""
    before = restrict(original, {sample.id for sample in changed.samples})
    first, second = before.meanings(), changed.meanings()
    agree = [first[sample.id] is not None and first[sample.id] == second[sample.id] for sample in changed.samples]
    pairs = list(zip(before.scores, changed.scores, strict=True))
    difference = paired_difference(
        before.scores, [one.score for one in before.scores], [one.score for one in changed.scores]
    )
    return VariantResult(
        variant=name,
        family=variant.family,
        asked=len(changed.samples),
        left_out=dict(left_out),
        score=difference,
        p_holm=difference.p,
        metric=None,
        right_to_wrong=sum(after.score < early.score for early, after in pairs),
        wrong_to_right=sum(after.score > early.score for early, after in pairs),
        both_right=share([min(a.score, b.score) == FULL_SCORE for a, b in pairs], before.scores),
        consistency=share(agree, before.scores),
        unread=sum(first[key] is None or second[key] is None for key in first),
        yes=_yes(before, first, changed, second),
    )


def compare_family(family: str, original: AskedTask, members: Mapping[str, AskedTask]) -> FamilyResult:
    """All variants of a family: of each sample the original and those variants that ask it."""
    asked = {sample.id for one in members.values() for sample in one.samples}
    base = restrict(original, asked)
    meanings = [one.meanings() for one in (base, *members.values())]
    scores = [{score.id: score.score for score in one.scores} for one in (base, *members.values())]
    ids = [sample.id for sample in base.samples]
    agree = [_all_agree([one[key] for one in meanings if key in one]) for key in ids]
    right = [all(one[key] == FULL_SCORE for one in scores if key in one) for key in ids]
    return FamilyResult(
        family=family,
        variants=tuple(members),
        answers=sum(len(one.samples) for one in members.values()),
        consistency=share(agree, base.scores),
        always_right=share(right, base.scores),
    )


def _all_agree(meanings: Sequence[Meaning]) -> bool:
    return meanings[0] is not None and all(one == meanings[0] for one in meanings)


def _yes(
    before: AskedTask, first: Mapping[str, Meaning], after: AskedTask, second: Mapping[str, Meaning]
) -> Difference | None:
    """The share of answers that say yes, as they are written: a flipped meaning is flipped back."""
    if not all(is_yes_or_no(sample) for sample in before.samples):
        return None
    said = NO if after.flipped else YES
    return paired_difference(
        before.scores,
        [float(first[sample.id] == (YES,)) for sample in before.samples],
        [float(second[sample.id] == (said,)) for sample in before.samples],
    )


def compare_primary(original: TaskStatistics, changed: TaskStatistics) -> MetricDifference | None:
    """The task's primary metric on the samples that both have; None where it can't be computed on them."""
    name = original.record.primary
    restricted = restrict_scores(original.scores, [sample.id for sample in changed.scores.samples])
    pairs = compare_metrics(restricted, changed.scores, lambda one: one.name == name and not one.group)
    if not pairs:
        return None
    return MetricDifference(name=name, unit=pairs[0].metric.unit, **_values(pairs[0]))


def restrict(asked: AskedTask, ids: set[str]) -> AskedTask:
    """The samples with these ids."""
    kept = [(a, b) for a, b in zip(asked.samples, asked.scores, strict=True) if a.id in ids]
    return replace(asked, samples=[a for a, _ in kept], scores=[b for _, b in kept])


def paired_difference(samples: Sequence[SampleScore], first: Sequence[float], second: Sequence[float]) -> Difference:
    """Means of two columns, one entry a sample; `samples` say what is drawn together."""
    before, after = (Scores((_mean(column),), tuple(samples)) for column in (first, second))
    (pair,) = compare_metrics(before, after)
    return Difference(**_values(pair))


def _values(pair: MetricComparison) -> dict[str, Any]:
    return {
        "original": pair.first,
        "value": pair.second,
        "difference": pair.difference,
        "interval": pair.interval,
        "p": pair.p_value,
        "test": pair.test,
    }


def share(column: Sequence[bool], samples: Sequence[SampleScore]) -> Share:
    """The share of samples of which something is so, with its interval."""
    metric = _mean([float(one) for one in column])
    (interval,) = intervals(Scores((metric,), tuple(samples)))
    return Share(value=metric.value, interval=None if isinstance(interval, str) else interval, samples=len(column))


def _mean(column: Sequence[float]) -> Metric:
    value = fsum(column) / len(column)
    return Metric("share", value, len(column), "fraction", ratios=(Ratio(column),))
