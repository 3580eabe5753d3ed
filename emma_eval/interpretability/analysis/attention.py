"""Section on attention: where an answer's tokens look, with and without alignment, and heat maps over images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from emma_eval.interpretability.analysis.attention_data import AttentionData, KindMean, collect, kind_means
from emma_eval.interpretability.analysis.attention_figures import HeatMaps, draw_heat_maps, draw_layers
from emma_eval.interpretability.analysis.means import Mean
from emma_eval.interpretability.analysis.plots import as_grid, heat_maps
from emma_eval.interpretability.analysis.section import AnalysisFigure, AnalysisSection, DataTable, Floats
from emma_eval.interpretability.analysis.subject import named_question, one_text, shown_items
from emma_eval.interpretability.token_kinds import KIND_WORDS
from emma_eval.results.model_analysis import Value
from emma_eval.utils.text import pluralize

if TYPE_CHECKING:
    from emma_eval.interpretability.analysis.subject import FeatureBatch, Subject

LIMITS = (
    "Attention is no explanation: other weights can give the same answer (Jain and Wallace 2019), and what a token "
    "holds in a later layer is no longer of its place alone.",
    "A row of attention sums to one, and a softmax that has nothing to look for ends at some token: the begin token "
    "and single visual tokens can be such sinks (Xiao et al. 2024). So the begin token is counted apart, and attention "
    "is also given for a token, as an image has many more tokens than a question.",
    "Means over heads hide heads that look elsewhere.",
)
COMPARED = ("image", "instruction", "system")
OFF = "alignment off: the projector reads V, and the same answer is read; the language model was not trained for it"


class AttentionBuilder:
    """Measures all samples at its end, in batches of its own."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject

    def add(self, batch: FeatureBatch) -> None:
        """Its features are not needed: the language model computes the samples anew."""

    def finish(self) -> AnalysisSection:
        """The section."""
        subject = self._subject
        shown = shown_items(subject)
        data = collect(subject, [index for indices in shown.values() for index in indices])
        found = kind_means(data, subject.items)
        tasks = [one for one in found if one.layer is None]
        layers = [one for one in found if one.layer is not None]
        has_maps = subject.grid is not None
        maps = _mean_maps(data, subject.grid) if subject.grid else {}
        figures = [_layers_figure(layers, len(data.samples))]
        figures += [_mean_map_figure(maps)] if maps else []
        figures += _heat_map_figures(subject, data, shown) if has_maps else []
        return AnalysisSection(
            title="Attention of answers",
            sentences=tuple(_sentences(data, tasks, has_maps=has_maps)),
            limits=(*LIMITS, *([OFF[0].upper() + OFF[1:] + "."] if data.off else [])),
            tables=(
                DataTable(
                    "kinds",
                    "Attention of answer tokens by kind of token, mean over layers and heads, with 95% intervals.",
                    _columns(data, "task"),
                    tuple(_row(one, one.task) for one in tasks),
                ),
                DataTable(
                    "layers",
                    f"The same by layer, of {tasks[-1].task}.",
                    _columns(data, "layer"),
                    tuple(_row(one, (one.layer or 0) + 1) for one in layers),
                ),
            ),
            arrays={f"mean map, {name}": values for name, values in maps.items()},
            figures=tuple(figures),
        )


def _columns(data: AttentionData, first: str) -> tuple[str, ...]:
    columns = [first, "kind", "tokens", *_with_interval("attention, %"), *_with_interval("of a token, x even")]
    if data.off:
        columns += ["attention off, %", *_with_interval("difference, points"), "of a token off, x even"]
    return tuple(columns)


def _with_interval(name: str) -> list[str]:
    return [name, f"{name}: low", f"{name}: high"]


def _row(one: KindMean, first: Value) -> tuple[Value, ...]:
    row: list[Value] = [first, KIND_WORDS[one.kind], one.tokens, *one.share.cells, *_cells(one.even)]
    if one.share_off:
        row += [one.share_off.value, *_cells(one.difference), _cells(one.even_off)[0]]
    return tuple(row)


def _cells(mean: Mean | None) -> tuple[float | None, float | None, float | None]:
    return mean.cells if mean else (None, None, None)


def _sentences(data: AttentionData, tasks: Sequence[KindMean], *, has_maps: bool) -> Iterator[str]:
    every = {one.kind: one for one in tasks if one.task == tasks[-1].task and one.tokens}
    shares = ", ".join(f"{KIND_WORDS[kind]} {one.share}" for kind, one in every.items())
    yield (
        f"Of the attention of answer tokens, mean over layers and heads of {pluralize(len(data.samples), 'answer')}, "
        f"goes to, in percent: {shares}."
    )
    evens = ", ".join(f"{KIND_WORDS[kind]} {one.even.value:.2g}" for kind, one in every.items() if one.even)
    yield f"To one token of a kind, in multiples of what each would get if all got the same: {evens}."
    if data.off:
        changes = ", ".join(
            f"{KIND_WORDS[kind]} {one.difference}" for kind, one in every.items() if kind in COMPARED and one.difference
        )
        yield f"As trained less with alignment off, in points: {changes}."
    if data.other_answers:
        yield (
            f"{pluralize(data.other_answers, 'answer')} came out otherwise than in the run, by rounding: the attention "
            "is of the answer given here."
        )
    for reason, count in data.left_out.items():
        yield f"{pluralize(count, 'sample')} left out: {reason}."
    if not has_maps:
        yield "No heat maps: the visual tokens of this model are not the patches of a square grid."


def _layers_figure(layers: Sequence[KindMean], samples: int) -> AnalysisFigure:
    has_off = layers[0].share_off is not None
    caption = (
        f"Attention of answer tokens by layer, mean over heads and {pluralize(samples, 'answer')}; bands are 95% "
        "intervals. Left: the share that goes to all tokens of a kind, which sums to 100%. Right: for one token, in "
        "multiples of an even share; 1 is even." + (" Dashed: alignment off." if has_off else "")
    )
    return AnalysisFigure("layers", caption, partial(draw_layers, layers))


def _mean_maps(data: AttentionData, grid: tuple[int, int]) -> dict[str, Floats]:
    """The mean over samples and layers, in multiples of an even share of the attention to the image."""
    settings = {"as trained": data.full, "alignment off": data.off}
    return {
        name: as_grid(relative(setting.image.sum(axis=0)), grid)
        for name, setting in settings.items()
        if setting is not None and setting.image is not None
    }


def relative(attention: Floats) -> Floats:
    """Attention (N,) to visual tokens over its mean: 1 where it is even."""
    mean = attention.mean()
    return attention / mean if mean else attention


def _mean_map_figure(maps: dict[str, Floats]) -> AnalysisFigure:
    caption = (
        "Attention of answer tokens to each patch, mean over samples, layers and heads, in multiples of an even share "
        "of what goes to the image. What many images have in common is a matter of place: sinks, and padding."
    )
    return AnalysisFigure("mean-map", caption, partial(heat_maps, maps, same_scale=True))


def _heat_map_figures(subject: Subject, data: AttentionData, shown: dict[str, list[int]]) -> Iterator[AnalysisFigure]:
    assert subject.grid is not None
    for name, indices in shown.items():
        rows = [_heat_maps(subject, data, index, subject.grid) for index in indices if index in data.samples]
        if rows:
            caption = (
                f"Attention of the answer to the image, {name}: the image as the model saw it, then heads averaged "
                "over all layers and over parts of them, in multiples of an even share of what goes to the image; the "
                "number below is the share that does."
                + (" Right: alignment off, and with less without." if data.off else "")
            )
            file = "maps-" + re.sub(r"[^\w.-]+", "-", name)
            yield AnalysisFigure(file, caption, partial(draw_heat_maps, rows))


def _heat_maps(subject: Subject, data: AttentionData, index: int, grid: tuple[int, int]) -> HeatMaps:
    """A sample's maps in the order in which they are drawn."""
    item = subject.items[index]
    full = data.full.shown[index]  # (L, N)
    groups = {"all layers": full}
    parts = np.array_split(np.arange(len(full)), min(3, len(full)))
    if len(parts) > 1:
        groups |= {_layer_name(part.tolist()): full[part] for part in parts}
    if data.off is not None:
        groups["alignment off"] = data.off.shown[index]
    return HeatMaps(
        label=f"{named_question(item)} Answer: {one_text(item.answer)}",
        image=subject.runner.to_pixels(item.image).transpose(1, 2, 0),
        maps={
            name: (as_grid(relative(part.mean(axis=0)), grid), float(part.sum(axis=1).mean()))
            for name, part in groups.items()
        },
    )


def _layer_name(layers: Sequence[int]) -> str:
    first, last = layers[0] + 1, layers[-1] + 1
    return f"layer {first}" if first == last else f"layers {first} to {last}"
