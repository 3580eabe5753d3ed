"""What is measured of a variant: differences in pairs, agreement in meaning, changes both ways, the share of yes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum

from emma_eval.robustness.meaning import NO, YES, AskedTask, Meaning, is_yes_or_no
from emma_eval.robustness.records import Difference, FamilyResult, Share, VariantResult
from emma_eval.robustness.variants import Variant
from emma_eval.stats.bootstrap import intervals
from emma_eval.stats.paired import compare_metrics
from emma_eval.types import Metric, Ratio, SampleScore, Scores

FULL_SCORE = 1.0


def compare_variant(
    name: str, variant: Variant, left_out: Mapping[str, int], original: AskedTask, changed: AskedTask
) -> VariantResult:
    """The variant against the original, on the variant's samples; `p_holm` is that of one variant alone."""
    before = on_samples_of(original, changed)
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
        right_to_wrong=sum(after.score < early.score for early, after in pairs),
        wrong_to_right=sum(after.score > early.score for early, after in pairs),
        both_right=share([min(a.score, b.score) == FULL_SCORE for a, b in pairs], before.scores),
        consistency=share(agree, before.scores),
        unread=sum(first[key] is None or second[key] is None for key in first),
        yes=_yes(before, first, changed, second),
    )


def compare_family(family: str, original: AskedTask, members: Mapping[str, AskedTask]) -> FamilyResult | None:
    """All variants of a family on the samples that each of them asks; None where there is no such sample."""
    shared = set.intersection(*({sample.id for sample in one.samples} for one in members.values()))
    if not shared:
        return None
    every = [restrict(one, shared) for one in (original, *members.values())]
    meanings = [one.meanings() for one in every]
    scores = [{score.id: score.score for score in one.scores} for one in every]
    base = every[0]
    agree = [_all_agree([one[sample.id] for one in meanings]) for sample in base.samples]
    right = [all(one[sample.id] == FULL_SCORE for one in scores) for sample in base.samples]
    return FamilyResult(
        family=family,
        variants=tuple(members),
        samples=len(shared),
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


def on_samples_of(original: AskedTask, changed: AskedTask) -> AskedTask:
    """The original's samples that a variant asks, in the variant's order, which is the task's."""
    return restrict(original, {sample.id for sample in changed.samples})


def restrict(asked: AskedTask, ids: set[str]) -> AskedTask:
    """The samples with these ids."""
    kept = [(a, b) for a, b in zip(asked.samples, asked.scores, strict=True) if a.id in ids]
    return AskedTask([a for a, _ in kept], [b for _, b in kept], asked.circular, asked.flipped)


def paired_difference(samples: Sequence[SampleScore], first: Sequence[float], second: Sequence[float]) -> Difference:
    """Means of two columns, one entry a sample; `samples` say what is drawn together."""
    before, after = (Scores((_mean(column),), tuple(samples)) for column in (first, second))
    (pair,) = compare_metrics(before, after)
    return Difference(
        original=pair.first,
        value=pair.second,
        difference=pair.difference,
        interval=pair.interval,
        p=pair.p_value,
        test=pair.test,
    )


def share(column: Sequence[bool], samples: Sequence[SampleScore]) -> Share:
    """The share of samples of which something is so, with its interval."""
    metric = _mean([float(one) for one in column])
    (interval,) = intervals(Scores((metric,), tuple(samples)))
    return Share(value=metric.value, interval=None if isinstance(interval, str) else interval, samples=len(column))


def _mean(column: Sequence[float]) -> Metric:
    value = fsum(column) / len(column)
    return Metric("share", value, len(column), "fraction", ratios=(Ratio(column),))
