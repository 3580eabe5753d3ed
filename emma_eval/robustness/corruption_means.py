"""What corruptions of the image cost on the mean: over all of them, a severity, a kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import fmean

from emma_eval.robustness.corruptions import FAMILIES, HELD_OUT, SEVERITIES
from emma_eval.robustness.meaning import AskedTask
from emma_eval.robustness.measures import paired_difference, restrict
from emma_eval.robustness.records import CorruptionMean
from emma_eval.robustness.variants import Variant

ALL = "all"


def corruption_means(
    variants: Mapping[str, Variant], original: AskedTask, asked: Mapping[str, AskedTask]
) -> list[CorruptionMean]:
    """A mean over each group of two corruptions or more that were asked; HELD_OUT ones are in none, as in the paper."""
    groups: dict[str, list[str]] = {}
    for name, variant in variants.items():
        for group in _groups(variant) if name in asked else ():
            groups.setdefault(group, []).append(name)
    order = [ALL, *(f"severity {one}" for one in SEVERITIES), *dict.fromkeys(FAMILIES.values())]
    return [_mean(group, groups[group], original, asked) for group in order if len(groups.get(group, ())) > 1]


def _groups(variant: Variant) -> Iterator[str]:
    if variant.corruption is not None and variant.corruption not in HELD_OUT:
        yield ALL
        yield f"severity {variant.severity}"
        yield FAMILIES[variant.corruption]


def _mean(group: str, names: list[str], original: AskedTask, asked: Mapping[str, AskedTask]) -> CorruptionMean:
    """Every corruption asks the same samples: those with an image."""
    columns = {name: [one.score for one in asked[name].scores] for name in names}
    before = restrict(original, {one.id for one in asked[names[0]].samples}).scores
    means = [fmean(of_sample) for of_sample in zip(*columns.values(), strict=True)]
    return CorruptionMean(
        of=group,
        variants=len(names),
        score=paired_difference(before, [one.score for one in before], means),
        worst=min(names, key=lambda name: sum(columns[name])),
    )
