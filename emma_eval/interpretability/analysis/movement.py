"""How far alignment moves visual tokens: cosine and distance, by category and answer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import cosine_similarity

from emma_eval.interpretability.analysis.means import Mean, Variation, group_means, groups_of
from emma_eval.interpretability.analysis.plots import as_grid, heat_maps, mark_grid, new_figure
from emma_eval.interpretability.analysis.section import AnalysisFigure, AnalysisSection, DataTable, Floats
from emma_eval.reports.figure_plots import MARKERS, colour
from emma_eval.results.model_analysis import Value

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from emma_eval.interpretability.analysis.subject import FeatureBatch, Item, Subject

MEASURES = ("cosine", "L2 distance", "relative distance")
MOST_DRAWN = 50  # groups of the figure, those of the most samples


class MovementBuilder:
    """Collects cosine and distances of every visual token before and after alignment."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._items: list[Item] = []
        self._values: dict[str, list[Floats]] = {name: [] for name in MEASURES}  # means over tokens, of each sample
        self._by_token = {name: np.zeros(subject.model.num_image_tokens) for name in MEASURES}  # sums over samples
        self._variation = Variation()

    def add(self, batch: FeatureBatch) -> None:
        """See SectionBuilder."""
        before, after = batch.vision.float(), batch.aligned.float()
        moved = after - before
        distance = moved.norm(dim=2)  # (B, N)
        norms = before.norm(dim=2).clamp_min(torch.finfo(torch.float32).tiny)
        measured = (cosine_similarity(before, after, dim=2), distance, distance / norms)
        for name, values in zip(MEASURES, measured, strict=True):
            found = values.double().cpu().numpy()
            self._values[name].append(found.mean(axis=1))
            self._by_token[name] += found.sum(axis=0)
        self._variation.add(moved)
        self._items += batch.items

    def finish(self) -> AnalysisSection:
        """See SectionBuilder."""
        clusters = [item.cluster for item in self._items]
        values = {name: np.concatenate(found) for name, found in self._values.items()}
        groups = {"all": {"all samples": list(range(len(clusters)))}, **groups_of(self._items)}
        means = {
            name: {kind: group_means(of_sample, of_kind, clusters) for kind, of_kind in groups.items() if of_kind}
            for name, of_sample in values.items()
        }
        by_token = {name: found / len(clusters) for name, found in self._by_token.items()}
        drawn = {kind: means["relative distance"][kind] for kind in ("category", "correctness") if groups[kind]}
        figures = []
        if self._subject.grid is not None:
            maps = {name: as_grid(by_token[name], self._subject.grid) for name in ("cosine", "relative distance")}
            figures.append(
                AnalysisFigure(
                    "patches",
                    "How far alignment moves each visual token, over the patch grid: cosine between a token before and "
                    "after, and the distance between both relative to the norm before, means over "
                    f"{len(clusters):,} samples.",
                    partial(heat_maps, maps),
                )
            )
        if drawn:
            figures.append(
                AnalysisFigure(
                    "groups",
                    "Distance between visual tokens before and after alignment, relative to their norm before, by "
                    "category of the task (circles) and by whether the answer is right (squares): means over samples "
                    f"with 95% intervals, of the {MOST_DRAWN} largest groups at most.",
                    partial(_draw_groups, drawn),
                )
            )
        return AnalysisSection(
            title="How far alignment moves visual tokens",
            sentences=tuple(self._sentences(means)),
            limits=(
                "A distance says that tokens changed, not that the change helps; most of it may be the same for every "
                "question, which the projector behind the module undoes or uses. Groups differ in their images and "
                "questions, too, and their intervals are not corrected for how many they are.",
            ),
            tables=(_table(means),),
            arrays={f"{name} by visual token": found for name, found in by_token.items()},
            figures=tuple(figures),
        )

    def _sentences(self, means: dict[str, dict[str, dict[str, Mean]]]) -> list[str]:
        whole = {name: means[name]["all"]["all samples"] for name in MEASURES}
        found = [
            f"Alignment moves a visual token by {whole['relative distance']} times its norm, to a cosine of "
            f"{whole['cosine']} with itself (means over tokens and {whole['cosine'].samples:,} samples)."
        ]
        share = self._variation.share
        if share is not None:
            found.append(
                f"{share:.0%} of the squared movement differs between samples; the rest is the same for every image "
                "and question."
            )
        by_answer = means["relative distance"].get("correctness", {})
        pairs = [
            f"{task} {right} and {wrong}"
            for task in dict.fromkeys(name.partition(": ")[0] for name in by_answer)
            if (right := by_answer.get(f"{task}: right")) and (wrong := by_answer.get(f"{task}: wrong"))
        ]
        if pairs:
            found.append(f"Relative distance where the answer is right and where it is wrong: {'; '.join(pairs)}.")
        return found


def _table(means: dict[str, dict[str, dict[str, Mean]]]) -> DataTable:
    rows: list[tuple[Value, ...]] = []
    for kind, groups in means[MEASURES[0]].items():
        for name, mean in groups.items():
            cells = [cell for measure in MEASURES for cell in means[measure][kind][name].cells]
            rows.append((name, kind, mean.samples, *cells))
    heads = [f"{name}{part}" for name in MEASURES for part in ("", ", low", ", high")]
    caption = "Visual tokens before and after alignment: means over tokens and samples with 95% intervals."
    return DataTable("groups", caption, ("group", "by", "samples", *heads), tuple(rows))


def _draw_groups(kinds: dict[str, dict[str, Mean]]) -> Figure:
    every = [(kind, name, mean) for kind, groups in enumerate(kinds.values()) for name, mean in groups.items()]
    largest = sorted(every, key=lambda row: -row[2].samples)[:MOST_DRAWN]
    rows = sorted(largest, key=lambda row: (row[1].partition(": ")[0], row[0], row[1]))
    figure = new_figure(4.8, 0.7 + 0.17 * len(rows))
    axis = figure.add_subplot()
    for y, (kind, _, mean) in enumerate(rows):
        if mean.interval:
            axis.plot(mean.interval, [y, y], color=colour(kind), linewidth=1.6, alpha=0.55)
        axis.plot(mean.value, y, MARKERS[kind], color=colour(kind), markersize=4)
    axis.set_yticks(range(len(rows)), [name for _, name, _ in rows])
    axis.tick_params(axis="y", length=0)
    axis.invert_yaxis()
    axis.set_xlabel("relative distance")
    axis.locator_params(axis="x", nbins=5)
    mark_grid(axis, "x")
    return figure
