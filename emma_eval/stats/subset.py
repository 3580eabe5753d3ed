"""Scores of a subset of the samples, in any order; used for the samples that two runs share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from emma_eval.stats.aggregations import NEEDS_ALL_SAMPLES
from emma_eval.stats.bootstrap import recompute
from emma_eval.types import Metric, Ratio, SampleScore, Scores


def restrict_scores(scores: Scores, ids: Sequence[str]) -> Scores:
    """The scores of the samples with these ids, in their order, as the scorer would give them. Ids must be unique.

    Left out are counts, metrics without ratios or with ratios of all samples together, and those without a sample left.
    """
    old_index = {sample.id: index for index, sample in enumerate(scores.samples)}
    new_index = {old_index[sample_id]: index for index, sample_id in enumerate(ids)}
    samples = tuple(scores.samples[old_index[sample_id]] for sample_id in ids)
    metrics = (_restrict_metric(metric, new_index, samples) for metric in scores.metrics)
    return replace(scores, metrics=tuple(metric for metric in metrics if metric), samples=samples)


def _restrict_metric(metric: Metric, new_index: Mapping[int, int], samples: Sequence[SampleScore]) -> Metric | None:
    """The metric of the samples that are left, `new_index` by their earlier index; None for one that has none."""
    ratios = [_restrict_ratio(ratio, new_index) for ratio in metric.ratios]
    remaining = tuple(ratio for ratio in ratios if ratio.numerator)
    if metric.unit == "count" or metric.aggregate in NEEDS_ALL_SAMPLES:
        return None
    if not remaining or (len(remaining) < len(ratios) and metric.aggregate != "sum"):
        return None
    # A mean over categories becomes a mean over the remaining ones; points (MME) are summed over them.
    scale = metric.scale if metric.unit == "points" else metric.scale * len(ratios) / len(remaining)
    restricted = replace(metric, ratios=remaining, scale=scale)
    n = len(covered_indices(restricted, len(samples)))
    return replace(restricted, value=recompute(restricted, samples), n=n)


def _restrict_ratio(ratio: Ratio, new_index: Mapping[int, int]) -> Ratio:
    old_indices = range(len(ratio.numerator)) if ratio.sample_indices is None else ratio.sample_indices
    kept = [(entry, new_index[old]) for entry, old in enumerate(old_indices) if old in new_index]
    return Ratio(
        numerator=[ratio.numerator[entry] for entry, _ in kept],
        denominator=None if ratio.denominator is None else [ratio.denominator[entry] for entry, _ in kept],
        sample_indices=[index for _, index in kept],
    )


def covered_indices(metric: Metric, num_samples: int) -> Sequence[int]:
    """Sorted indices of the samples that the metric is computed over: GQA's accuracy leaves unbalanced ones out."""
    indices = [range(num_samples) if ratio.sample_indices is None else ratio.sample_indices for ratio in metric.ratios]
    return sorted(set().union(*indices))
