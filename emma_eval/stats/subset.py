"""Scores of a part of the samples, in any order: what two runs share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from emma_eval.stats.bootstrap import value_of
from emma_eval.stats.combinations import OF_ALL_SAMPLES
from emma_eval.types import Metric, Ratio, SampleScore, Scores


def restricted(scores: Scores, ids: Sequence[str]) -> Scores:
    """The scores of the samples with these ids, in their order, as the scorer would give them.

    Left out are counts, metrics without ratios or with ratios of all samples together, and those that no sample is
    left for. Ids must be unique.
    """
    place_of = {sample.id: place for place, sample in enumerate(scores.samples)}
    new_places = {place_of[sample_id]: new for new, sample_id in enumerate(ids)}
    samples = tuple(scores.samples[place_of[sample_id]] for sample_id in ids)
    metrics = (_restricted_metric(metric, new_places, samples) for metric in scores.metrics)
    return replace(scores, metrics=tuple(metric for metric in metrics if metric), samples=samples)


def _restricted_metric(metric: Metric, new_places: Mapping[int, int], samples: Sequence[SampleScore]) -> Metric | None:
    ratios = [_restricted_ratio(ratio, new_places) for ratio in metric.ratios]
    left = tuple(ratio for ratio in ratios if ratio.numerator)
    if metric.unit == "count" or metric.aggregate in OF_ALL_SAMPLES:
        return None
    if not left or (len(left) < len(ratios) and metric.aggregate != "sum"):
        return None
    # A mean over categories is one over those that are left; points, MME's, are summed over them.
    scale = metric.scale if metric.unit == "points" else metric.scale * len(ratios) / len(left)
    part = replace(metric, ratios=left, scale=scale)
    return replace(part, value=value_of(part, samples), n=len(counted_places(part, len(samples))))


def _restricted_ratio(ratio: Ratio, new_places: Mapping[int, int]) -> Ratio:
    places = range(len(ratio.numerator)) if ratio.sample_indices is None else ratio.sample_indices
    kept = [(entry, new_places[place]) for entry, place in enumerate(places) if place in new_places]
    return Ratio(
        numerator=[ratio.numerator[entry] for entry, _ in kept],
        denominator=None if ratio.denominator is None else [ratio.denominator[entry] for entry, _ in kept],
        sample_indices=[place for _, place in kept],
    )


def counted_places(metric: Metric, samples: int) -> Sequence[int]:
    """The samples that the metric is computed over, in order: GQA's accuracy leaves the unbalanced ones out."""
    places = [range(samples) if ratio.sample_indices is None else ratio.sample_indices for ratio in metric.ratios]
    return sorted(set().union(*places))
