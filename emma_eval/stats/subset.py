"""Scores of a part of the samples, in any order: what two runs share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from emma_eval.stats.bootstrap import value_of
from emma_eval.types import Metric, Ratio, Scores


def restricted(scores: Scores, ids: Sequence[str]) -> Scores:
    """The scores of the samples with these ids, in their order.

    Values are computed again. A metric one of whose parts has no sample left, a category's say, is left out, and so is
    one without ratios. The ids must be unique among the samples.
    """
    place_of = {sample.id: place for place, sample in enumerate(scores.samples)}
    new_places = {place_of[sample_id]: new for new, sample_id in enumerate(ids)}
    samples = tuple(scores.samples[place_of[sample_id]] for sample_id in ids)
    metrics = []
    for metric in scores.metrics:
        ratios = tuple(_restricted_ratio(ratio, new_places) for ratio in metric.ratios)
        if ratios and all(ratio.top for ratio in ratios):
            part = replace(metric, ratios=ratios)
            counted = len(counted_places(part, len(samples)))
            metrics.append(replace(part, value=value_of(part, samples), n=counted))
    return replace(scores, metrics=tuple(metrics), samples=samples)


def _restricted_ratio(ratio: Ratio, new_places: Mapping[int, int]) -> Ratio:
    places = range(len(ratio.top)) if ratio.places is None else ratio.places
    kept = [(entry, new_places[place]) for entry, place in enumerate(places) if place in new_places]
    return Ratio(
        top=[ratio.top[entry] for entry, _ in kept],
        bottom=None if ratio.bottom is None else [ratio.bottom[entry] for entry, _ in kept],
        places=[place for _, place in kept],
    )


def counted_places(metric: Metric, samples: int) -> Sequence[int]:
    """The samples that the metric is computed over, in order: GQA's accuracy leaves the unbalanced ones out."""
    places = [range(samples) if ratio.places is None else ratio.places for ratio in metric.ratios]
    return sorted(set().union(*places))
