"""Singular values and effective rank of W: how many independent directions the alignment mixes tokens in."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from emma_eval.interpretability.analysis.section import AnalysisFigure, AnalysisSection, DataTable, Floats
from emma_eval.results.model_analysis import Value

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from emma_eval.interpretability.analysis.subject import FeatureBatch, Subject

SHARES = (0.5, 0.9, 0.99)  # of the squared singular values, which sum to the squared Frobenius norm


class SpectrumBuilder:
    """Reads weights alone."""

    def __init__(self, subject: Subject) -> None:
        self._weight = subject.alignment.image_text_infusion.weight.detach().double().cpu().numpy()  # (N, N + T)

    def add(self, batch: FeatureBatch) -> None:
        """Nothing of the samples is needed."""

    def finish(self) -> AnalysisSection:
        """The section."""
        tokens = len(self._weight)
        identity = np.eye(*self._weight.shape)
        parts = {
            "W": self._weight,
            "W - [I | 0]": self._weight - identity,
            "image block Wv": self._weight[:, :tokens],
            "Wv - I": (self._weight - identity)[:, :tokens],
            "text block Wt": self._weight[:, tokens:],
        }
        values = {name: np.linalg.svd(matrix, compute_uv=False) for name, matrix in parts.items()}
        rows: tuple[tuple[Value, ...], ...] = tuple(
            (
                name,
                f"{parts[name].shape[0]} x {parts[name].shape[1]}",
                float(np.linalg.norm(found)),
                float(found[0]),
                effective_rank(found),
                *(rank_of_share(found, share) for share in SHARES),
            )
            for name, found in values.items()
        )
        ranks = {name: effective_rank(found) for name, found in values.items()}
        change, text = ranks["W - [I | 0]"], ranks["text block Wt"]
        whole = min(self._weight.shape)
        sentences = (
            f"W has an effective rank of {ranks['W']:.1f} of at most {whole}; what training added to the identity, "
            f"W - [I | 0], has {change:.1f}.",
            f"The text block Wt has an effective rank of {text:.1f} of at most {min(parts['text block Wt'].shape)}: "
            "the instruction can move visual tokens in that many independent patterns over the image.",
        )
        heads = ("part", "shape", "Frobenius norm", "largest singular value", "effective rank")
        columns = (*heads, *(f"rank of {share:.0%} of the squares" for share in SHARES))
        caption = "Norm, effective rank (Roy and Vetterli 2007) and the rank that holds a share of the squared norm."
        return AnalysisSection(
            title="Rank of W",
            sentences=sentences,
            limits=("A rank of weights counts the directions that exist, not those that samples use.",),
            tables=(DataTable("rank", caption, columns, rows),),
            arrays={f"singular values of {name}": found for name, found in values.items()},
            figures=(
                AnalysisFigure(
                    "singular-values",
                    "Singular values of the alignment's matrix W and its parts, largest first, on a logarithmic scale. "
                    f"Effective ranks: {', '.join(f'{name} {rank:.1f}' for name, rank in ranks.items())}.",
                    partial(_draw, values),
                ),
            ),
        )


def effective_rank(values: Floats) -> float:
    """exp(-sum p ln p) of singular values s (n,), p = s / sum(s): Roy, Vetterli, EUSIPCO 2007. 0 of a zero matrix."""
    total = values.sum()
    if total == 0:
        return 0.0
    shares = values[values > 0] / total
    return float(np.exp(-(shares * np.log(shares)).sum()))


def rank_of_share(values: Floats, share: float) -> int:
    """How many of the singular values (n,), the largest first, hold this share (0 to 1) of the sum of squares."""
    squares = np.cumsum(values**2)
    return int(np.searchsorted(squares, share * squares[-1] * (1 - 1e-12)) + 1) if squares[-1] else 0


def _draw(values: dict[str, Floats]) -> Figure:
    from matplotlib.figure import Figure

    from emma_eval.reports.figure_plots import GRID, LINES, colour

    figure = Figure(figsize=(3.4, 2.6), layout="constrained")
    axis = figure.add_subplot()
    for number, (name, found) in enumerate(values.items()):
        shown = found[found > found[0] * 1e-7] if found[0] else found
        axis.semilogy(range(1, len(shown) + 1), shown, LINES[number % len(LINES)], color=colour(number), label=name)
    axis.yaxis.set_major_formatter("{x:g}")
    axis.set_xlabel("index")
    axis.set_ylabel("singular value")
    axis.grid(color=GRID, linewidth=0.6)
    axis.legend(fontsize=7, facecolor="white", edgecolor="none")
    return figure
