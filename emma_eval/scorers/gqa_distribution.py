"""GQA's distribution metric: a chi-square of given against true answers, and what each image adds to it.

A bootstrap of a chi-square lies too high: resampling adds noise to the counts, and a chi-square grows with noise. So
the metric is resampled through jackknife pseudo-values. With n images, D the metric and D_i the metric without image i,

    r = sqrt(D),   r_i = sqrt(D_i),   p_i = r + (n - 1) * (mean(r) - r_i),   D = mean(p)^2

The mean of the p_i is resampled like any mean, and squared. The root is taken because that of a chi-square has nearly
constant variance where the chi-square itself is skewed.
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


def distribution(balanced: Sequence[Sample], scores: Sequence[SampleScore], indices: Sequence[int]) -> Metric:
    """The metric (lower is better) over the balanced questions; `indices` are theirs in Scores.samples.

    Its full range is the value of a model that never gives a reference answer. It has a ratio, one entry an image, if
    some question belongs to a global group.
    """
    value = chi_square(balanced, scores)
    grouped = [i for i, sample in enumerate(balanced) if sample.meta["groups"]["global"] is not None]
    if not grouped:
        return Metric("distribution", value, len(scores), "number", higher_is_better=False)
    table = _answer_table([balanced[i] for i in grouped], [scores[i] for i in grouped])
    first_index: dict[int, int] = {}  # image -> index of its first question
    for i, image in zip(grouped, table.images.tolist(), strict=True):
        first_index.setdefault(image, indices[i])
    largest = chi_square(balanced, [SampleScore(score.id, 0.0, "", "missing") for score in scores])
    pseudo_values = _pseudo_values(value / largest, _leave_one_image_out(table) / largest)
    return Metric(
        "distribution",
        value,
        len(scores),
        "number",
        higher_is_better=False,
        ratios=(Ratio(pseudo_values, sample_indices=list(first_index.values())),),
        scale=largest,
        aggregate="jackknifed_square",
        value_is_bounded=False,
    )


def chi_square(balanced: Sequence[Sample], scores: Sequence[SampleScore]) -> float:
    """The official number: chi-squares of the global groups, averaged with the group sizes as weights, over 100."""
    references: dict[str, Counter[str]] = {}
    predictions: dict[str, Counter[str]] = {}
    for sample, score in zip(balanced, scores, strict=True):
        group = sample.meta["groups"]["global"]
        if group is not None:
            references.setdefault(group, Counter())[sample.references[0]] += 1
            predictions.setdefault(group, Counter())
            if score.status == "answered":
                predictions[group][score.parsed_answer] += 1
    weighted, total = 0.0, 0
    for group, expected_counts in references.items():
        squares, size = 0.0, 0
        for answer, expected in expected_counts.items():
            squares += float(predictions[group][answer] - expected) ** 2 / expected
            size += expected
        weighted += squares * size
        total += size
    return weighted / total / 100 if total else 0.0


@dataclass(frozen=True, slots=True)
class _AnswerTable:
    """Questions as indices of images and cells; a cell is a (group, reference answer) that occurs."""

    images: Integers  # (questions,)
    references: Integers  # (questions,) the cell of the reference
    predictions: Integers  # (questions,) the cell of the prediction; -1 if it is no reference of the group, or missing
    groups: Integers  # (cells,) the group of each cell


def _answer_table(balanced: Sequence[Sample], scores: Sequence[SampleScore]) -> _AnswerTable:
    import numpy as np

    group_of = [sample.meta["groups"]["global"] for sample in balanced]
    groups = {group: index for index, group in enumerate(dict.fromkeys(group_of))}
    images = {image: index for index, image in enumerate(dict.fromkeys(map(image_of, balanced)))}
    references = [(group, sample.references[0]) for group, sample in zip(group_of, balanced, strict=True)]
    cells = {cell: index for index, cell in enumerate(dict.fromkeys(references))}
    predictions = [
        cells.get((group, score.parsed_answer), -1) if score.status == "answered" else -1
        for group, score in zip(group_of, scores, strict=True)
    ]
    return _AnswerTable(
        images=np.array([images[image_of(sample)] for sample in balanced]),
        references=np.array([cells[reference] for reference in references]),
        predictions=np.array(predictions),
        groups=np.array([groups[group] for group, _ in cells]),
    )


def _leave_one_image_out(table: _AnswerTable) -> Floats:
    """D_i, the metric without image i, scaled to the number of questions of all images; shape (images,).

    Let e_c and p_c count the references and predictions of cell c, and x_c = (p_c - e_c)^2 / e_c. A group g of cells
    has X_g = sum of x_c and size E_g = sum of e_c; there are N = sum of E_g questions, and

        D = sum_g X_g E_g / N / 100

    Without image i, which has e_ic and p_ic of these counts (and e_ig references in g, e_i in all),

        e'_c = e_c - e_ic,   p'_c = p_c - p_ic,   x'_c = (p'_c - e'_c)^2 / e'_c  (0 if e'_c = 0)
        X'_g = X_g + sum_c (x'_c - x_c),   E'_g = E_g - e_ig
        D_i = (sum_g X_g E_g + sum_g (X'_g E'_g - X_g E_g)) / (N - e_i) / 100 * n / (n - 1)

    The inner sums run over the cells and groups that the image has questions or predictions in. All others cancel, so
    the work grows with the number of questions, not with images x cells.
    """
    import numpy as np

    n, num_cells, num_groups = (int(index.max()) + 1 for index in (table.images, table.references, table.groups))
    predicted = table.predictions >= 0
    e_c = np.bincount(table.references, minlength=num_cells)
    p_c = np.bincount(table.predictions[predicted], minlength=num_cells)
    x_c = (p_c - e_c) ** 2 / e_c
    X_g = np.bincount(table.groups, x_c, num_groups)  # noqa: N806 (as in the formula)
    E_g = np.bincount(table.groups, e_c, num_groups)  # noqa: N806

    # All pairs (image, cell) that occur, as image * num_cells + cell; `inverse` is the pair of each answer.
    of_references = table.images * num_cells + table.references
    of_predictions = (table.images * num_cells + table.predictions)[predicted]
    pairs, inverse = np.unique(np.concatenate([of_references, of_predictions]), return_inverse=True)
    image, cell = np.divmod(pairs, num_cells)
    e_ic = np.bincount(inverse[: len(of_references)], minlength=len(pairs))
    p_ic = np.bincount(inverse[len(of_references) :], minlength=len(pairs))
    e_left = e_c[cell] - e_ic
    squares = (p_c[cell] - p_ic - e_left) ** 2
    x_change = np.where(e_left > 0, squares / np.maximum(e_left, 1), 0.0) - x_c[cell]

    # All pairs (image, group) that occur, likewise.
    pairs, inverse = np.unique(image * num_groups + table.groups[cell], return_inverse=True)
    image, group = np.divmod(pairs, num_groups)
    E_left = E_g[group] - np.bincount(inverse, e_ic)  # noqa: N806
    change = (X_g[group] + np.bincount(inverse, x_change)) * E_left - X_g[group] * E_g[group]

    total = (X_g * E_g).sum() + np.bincount(image, change, n)
    questions = E_g.sum() - np.bincount(table.images, minlength=n)
    without: Floats = np.maximum(total, 0.0) / np.maximum(questions, 1) / 100 * n / max(n - 1, 1)
    return without


def _pseudo_values(value: float, without: Floats) -> list[float]:
    """p_i of the square root, shifted so that their mean is the root of `value`."""
    import numpy as np

    roots = np.sqrt(without)
    pseudo_values: list[float] = (value**0.5 + (len(roots) - 1) * (roots.mean() - roots)).tolist()
    return pseudo_values
