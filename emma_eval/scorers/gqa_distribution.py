"""GQA's distribution: a chi-square of given against true answers, and what each image adds to it.

Resampling adds noise of its own to the counts, and a chi-square grows with noise: a bootstrap of it lies too high. So
each image is left out in turn instead, and how far the square root moves is what the image adds (a jackknife; of
the root, as that of a chi-square spreads evenly where the chi-square itself is skewed). A mean of these parts is
resampled like any other metric, and its square lies around the official number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from emma_eval.scorers.common import image_of
from emma_eval.types import Metric, Ratio, Sample, SampleScore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]


def distribution(balanced: Sequence[Sample], scored: Sequence[SampleScore], places: Sequence[int]) -> Metric:
    """The metric (lower is better); `places` are the balanced questions' in Scores.samples.

    Its full range is what it is for a model that never gives a true answer. It has ratios, an entry an image, where
    some question belongs to a group of answers.
    """
    value = chi_square(balanced, scored)
    grouped = [place for place, sample in enumerate(balanced) if sample.meta["groups"]["global"] is not None]
    if not grouped:
        return Metric("distribution", value, len(scored), "number", higher_is_better=False)
    table = _table([balanced[place] for place in grouped], [scored[place] for place in grouped])
    first_of: dict[int, int] = {}
    for place, image in zip(grouped, table.images.tolist(), strict=True):
        first_of.setdefault(image, places[place])
    most = chi_square(balanced, [SampleScore(score.id, 0.0, "", "missing") for score in scored])
    parts = Ratio(_parts(value / most, _without_each(table) / most), sample_indices=list(first_of.values()))
    return Metric(
        "distribution",
        value,
        len(scored),
        "number",
        higher_is_better=False,
        ratios=(parts,),
        scale=most,
        aggregate="jackknifed_square",
        value_is_bounded=False,
    )


def chi_square(balanced: Sequence[Sample], scored: Sequence[SampleScore]) -> float:
    """Chi-square of predicted against true answers within each global group, weighted by group size, over 100."""
    gold: dict[str, Counter[str]] = {}
    predicted: dict[str, Counter[str]] = {}
    for sample, score in zip(balanced, scored, strict=True):
        group = sample.meta["groups"]["global"]
        if group is not None:
            gold.setdefault(group, Counter())[sample.references[0]] += 1
            predicted.setdefault(group, Counter())
            if score.status == "answered":
                predicted[group][score.parsed_answer] += 1
    weighted, total = 0.0, 0
    for group, truths in gold.items():
        squares, size = 0.0, 0
        for answer, expected in truths.items():
            squares += float(predicted[group][answer] - expected) ** 2 / expected
            size += expected
        weighted += squares * size
        total += size
    return weighted / total / 100 if total else 0.0


@dataclass(frozen=True, slots=True)
class _Table:
    """Questions by number: an entry a question, but for `groups`."""

    images: Integers
    truths: Integers  # which (group, answer) is true
    given: Integers  # and which was given; -1 for an answer that is true of no question of the group
    groups: Integers  # the group of each (group, answer)


def _table(balanced: Sequence[Sample], scored: Sequence[SampleScore]) -> _Table:
    import numpy as np

    keys = [sample.meta["groups"]["global"] for sample in balanced]
    groups = {group: number for number, group in enumerate(dict.fromkeys(keys))}
    images = {image: number for number, image in enumerate(dict.fromkeys(map(image_of, balanced)))}
    truths = [(group, sample.references[0]) for group, sample in zip(keys, balanced, strict=True)]
    cells = {cell: number for number, cell in enumerate(dict.fromkeys(truths))}
    given = [
        cells.get((group, score.parsed_answer), -1) if score.status == "answered" else -1
        for group, score in zip(keys, scored, strict=True)
    ]
    return _Table(
        images=np.array([images[image_of(sample)] for sample in balanced]),
        truths=np.array([cells[truth] for truth in truths]),
        given=np.array(given),
        groups=np.array([groups[group] for group, _ in cells]),
    )


def _without_each(table: _Table) -> Floats:
    """The distribution without each image in turn, scaled to as many questions as there are with it."""
    import numpy as np

    images, cells, groups = (int(numbers.max()) + 1 for numbers in (table.images, table.truths, table.groups))
    told = table.given >= 0
    gold = np.bincount(table.truths, minlength=cells)
    predicted = np.bincount(table.given[told], minlength=cells)
    chi_squares = (predicted - gold) ** 2 / gold
    of_group = np.bincount(table.groups, chi_squares, groups)
    sizes = np.bincount(table.groups, gold, groups)

    # What an image takes away: first from the answers that it touches, then from their groups.
    keys = np.concatenate([table.images * cells + table.truths, (table.images * cells + table.given)[told]])
    touched, which = np.unique(keys, return_inverse=True)
    image, cell = np.divmod(touched, cells)
    own_gold = np.bincount(which[: len(table.truths)], minlength=len(touched))
    own_predicted = np.bincount(which[len(table.truths) :], minlength=len(touched))
    left = gold[cell] - own_gold
    squares = (predicted[cell] - own_predicted - left) ** 2
    change = np.where(left > 0, squares / np.maximum(left, 1), 0.0) - chi_squares[cell]

    touched, which = np.unique(image * groups + table.groups[cell], return_inverse=True)
    image, group = np.divmod(touched, groups)
    size_left = sizes[group] - np.bincount(which, own_gold)
    weighted = (of_group[group] + np.bincount(which, change)) * size_left - of_group[group] * sizes[group]
    total = (of_group * sizes).sum() + np.bincount(image, weighted, images)
    questions = sizes.sum() - np.bincount(table.images, minlength=images)
    left_out: Floats = np.maximum(total, 0.0) / np.maximum(questions, 1) / 100 * images / max(images - 1, 1)
    return left_out


def _parts(value: float, without: Floats) -> list[float]:
    """Pseudo-values of the square root, one an image, moved so that their mean is the root itself."""
    import numpy as np

    roots = np.sqrt(without)
    parts: list[float] = (value**0.5 + (len(roots) - 1) * (roots.mean() - roots)).tolist()
    return parts
