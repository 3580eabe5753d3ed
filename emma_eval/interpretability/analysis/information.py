"""Mutual information of visual features with answer and instruction, before and after alignment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from emma_eval.interpretability.analysis.information_estimates import (
    AFTER,
    BEFORE,
    DIMENSIONS,
    OTHER_DIMENSIONS,
    TEXT,
    Change,
    Estimate,
    Target,
    TargetResult,
    estimate,
    find_targets,
)
from emma_eval.interpretability.analysis.nearest_neighbours import NEIGHBOURS
from emma_eval.interpretability.analysis.plots import mark_grid, new_figure
from emma_eval.interpretability.analysis.section import AnalysisFigure, AnalysisSection, DataTable, Floats
from emma_eval.reports.figure_plots import MARKERS, colour
from emma_eval.results.model_analysis import Value
from emma_eval.utils.progress_bars import track
from emma_eval.utils.text import pluralize

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from emma_eval.interpretability.analysis.subject import FeatureBatch, Item, Subject

LIMITS = (
    f"Features are seen through {DIMENSIONS} fixed random directions over all tokens and channels, and the estimator "
    f"looks at {NEIGHBOURS} nearest neighbours: a small part of what the tokens hold, and not what a projector or a "
    "language model can read from them. No information seen here is not none. What can be compared is before with "
    "after, and both with the shuffled control.",
    "After alignment the features are a function of image and instruction, so that they determine the instruction "
    "where W reads it at all; the estimate shows how visible it is beside the differences between images.",
    "An estimate below zero is none; where each image has questions of both answers, as in MME, neighbours are of the "
    "same image and tell of the opposite answer, and the estimate is below zero by design.",
    "Intervals hold for other images like these, not for other directions: see the columns of other dimensions. They "
    "are not corrected for how many they are.",
)
NO_ALIGNMENT = "The model has no alignment: its visual features are those before."
CAPTION = (
    "Estimated mutual information between visual features and the reference answer, the model's answer and the "
    "instruction, before (circles) and after alignment (squares), with 95% intervals; grey bars are the range of "
    "estimates with the target shuffled."
)


class InformationBuilder:
    """Projects each sample's features to a few fixed random directions."""

    def __init__(self, subject: Subject) -> None:
        self._seed = abs(subject.seed)
        self._has_alignment = subject.model.alignment is not None
        self._directions: dict[str, Tensor] = {}
        self._projected: dict[str, list[Floats]] = {}
        self._items: list[Item] = []

    def add(self, batch: FeatureBatch) -> None:
        """See SectionBuilder."""
        features = {BEFORE: batch.vision}
        if batch.text is not None:
            features |= {AFTER: batch.aligned, TEXT: batch.text}
        for name, values in features.items():
            flat = values.float().flatten(1)
            projected = flat @ self._directions_of("text" if name == TEXT else "image", flat)
            self._projected.setdefault(name, []).append(projected.double().cpu().numpy())
        self._items += batch.items

    def _directions_of(self, kind: str, flat: Tensor) -> Tensor:
        """Gaussian directions (size, 16), drawn by the seed; before and after share theirs."""
        if kind not in self._directions:
            generator = np.random.default_rng([self._seed, ("image", "text").index(kind)])
            drawn = generator.standard_normal((flat.shape[1], max(OTHER_DIMENSIONS)), dtype=np.float32)
            self._directions[kind] = torch.from_numpy(drawn).to(flat.device)
        return self._directions[kind]

    def finish(self) -> AnalysisSection:
        """See SectionBuilder."""
        features = {name: np.concatenate(found) for name, found in self._projected.items()}
        clusters = [item.cluster for item in self._items]
        targets = list(find_targets(self._items, has_alignment=self._has_alignment))
        results = [
            estimate(target, features, clusters, self._seed)
            for target in track(targets, len(targets), "mutual information")
            if not target.problem
        ]
        figure = AnalysisFigure("bits", CAPTION, partial(_draw, results))
        return AnalysisSection(
            title="Mutual information of visual features",
            sentences=(
                *_sentences(results),
                *(() if self._has_alignment else (NO_ALIGNMENT,)),
                *_problems(targets),
            ),
            limits=LIMITS,
            tables=(_table(results),),
            figures=(figure,) if results else (),
        )


def _sentences(results: Sequence[TargetResult]) -> Iterator[str]:
    """How many estimates change, and which of them beyond their interval."""
    if not results:
        yield "No task has enough samples for an estimate; --samples takes more."
        return
    seen = [one for one in results if one.before.interval[0] > np.quantile(one.before.shuffled, 0.975)]
    yield (
        f"Before alignment, the features show information about {len(seen)} of {pluralize(len(results), 'target')} "
        f"beyond the shuffled control{_named(seen)}."
    )
    changed = [(one, one.change) for one in results if one.change]
    if changed:
        more = [f"{_name(one)} {_signed(change)}" for one, change in changed if change.interval[0] > 0]
        less = [f"{_name(one)} {_signed(change)}" for one, change in changed if change.interval[1] < 0]
        rest = len(changed) - len(more) - len(less)
        parts = [f"{word} for {', '.join(names)}" for word, names in (("more", more), ("less", less)) if names]
        parts += [f"no difference beyond the interval for {rest} of {len(changed)}"] if rest else []
        yield f"After alignment they show, in bits: {'; '.join(parts)}."


def _problems(targets: Sequence[Target]) -> Iterator[str]:
    for problem in dict.fromkeys(target.problem for target in targets if target.problem):
        names = [f"{target.task} ({target.name})" for target in targets if target.problem == problem]
        yield f"Not estimated ({problem}): {', '.join(names)}."


def _named(results: Sequence[TargetResult]) -> str:
    return f": {', '.join(f'{_name(one)} {one.before.value:.2f}' for one in results)} bits" if results else ""


def _name(one: TargetResult) -> str:
    return f"{one.target.task} ({one.target.name})"


def _signed(change: Change) -> str:
    low, high = change.interval
    return f"{change.value:+.2f} [{low:+.2f}, {high:+.2f}]"


def _table(results: Sequence[TargetResult]) -> DataTable:
    rows = []
    for one in results:
        row: list[Value] = [one.target.task, one.target.name, len(one.target.samples), one.bound]
        row += [*_cells(one.before), *_cells(one.after)]
        row += [one.change.value, *one.change.interval] if one.change else [None] * 3
        for number in OTHER_DIMENSIONS:
            row += [one.before.by_dimensions[number], one.after.by_dimensions[number] if one.after else None]
        rows.append(tuple(row))
    parts = ("", ", low", ", high", ", shuffled")
    heads = [f"{name}{part}" for name in (BEFORE, AFTER) for part in parts]
    heads += ["change", "change, low", "change, high"]
    heads += [f"{name}, {number} dimensions" for number in OTHER_DIMENSIONS for name in (BEFORE, AFTER)]
    caption = f"Mutual information in bits, {DIMENSIONS} random directions, {NEIGHBOURS} nearest neighbours."
    return DataTable("bits", caption, ("task", "target", "samples", "entropy of the target", *heads), tuple(rows))


def _cells(found: Estimate | None) -> list[Value]:
    """Value, low, high, mean of the shuffled."""
    return [None] * 4 if found is None else [found.value, *found.interval, float(found.shuffled.mean())]


def _draw(results: Sequence[TargetResult]) -> Figure:
    figure = new_figure(4.6, 0.7 + 0.34 * len(results))
    axis = figure.add_subplot()
    for row, one in enumerate(results):
        for number, found in enumerate(filter(None, (one.before, one.after))):
            y = row + (0.17 if number else -0.17)
            low, high = float(found.shuffled.min()), float(found.shuffled.max())
            axis.barh(y, high - low, 0.3, left=low, color="#d0d0cb")
            axis.plot(found.interval, [y, y], color=colour(number), linewidth=1.4)
            axis.plot(found.value, y, MARKERS[number], color=colour(number), markersize=4)
    axis.set_yticks(range(len(results)), [f"{one.target.task}: {one.target.name}" for one in results])
    axis.tick_params(axis="y", length=0)
    axis.invert_yaxis()
    axis.set_xlabel("mutual information (bits)")
    mark_grid(axis, "x")
    return figure
