"""Norms of W by token, and what each part of W adds to the visual tokens of samples."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emma_eval.interpretability.analysis.means import Mean, Variation, group_means
from emma_eval.interpretability.analysis.norm_figures import draw_contributions, draw_text_curve
from emma_eval.interpretability.analysis.plots import as_grid, heat_maps
from emma_eval.interpretability.analysis.section import AnalysisFigure, AnalysisSection, DataTable, Floats
from emma_eval.interpretability.analysis.tokens import KINDS, token_kinds
from emma_eval.results.model_analysis import Value

if TYPE_CHECKING:
    from emma_eval.interpretability.analysis.subject import FeatureBatch, Subject

OWN, OTHERS, BIAS, LEARNABLE = "image, own patch", "image, other patches", "bias", "learnable tokens"
TEXT_PARTS = tuple(f"text, {kind}" for kind in KINDS)
NAMES = {"start": "start token", "words": "words", "end": "end token", "padding": "padding"}


class NormsBuilder:
    """Collects, sample by sample, the norms of what each part of W adds."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        alignment, config = subject.alignment, subject.model.config.alignment
        assert config is not None
        self._positions = np.arange(77)[config.text_positions]
        self._weight = alignment.image_text_infusion.weight.detach().float()  # (N, N + T)
        self._norms: dict[str, list[Floats]] = {}  # part -> |c| / |V| of each sample
        self._variations: dict[str, Variation] = {}
        self._kinds: list[NDArray[np.int64]] = []  # (T,) of each sample
        self._text_norms: list[Floats] = []  # |E_t|, (T,) of each sample
        self._clusters: list[str] = []

    def add(self, batch: FeatureBatch) -> None:
        """See SectionBuilder."""
        assert batch.text is not None
        ids = np.array([item.instruction_ids for item in batch.items])
        kinds = token_kinds(ids)[:, self._positions]
        text, vision = batch.text.float(), batch.vision.float()
        of_vision = vision.flatten(1).norm(dim=1)
        for name, part in self._parts(vision, text, kinds).items():
            self._norms.setdefault(name, []).append((part.flatten(1).norm(dim=1) / of_vision).double().cpu().numpy())
            self._variations.setdefault(name, Variation()).add(part)
        self._kinds += list(kinds)
        self._text_norms += list(text.norm(dim=2).double().cpu().numpy())
        self._clusters += [item.cluster for item in batch.items]

    def _parts(self, vision: Tensor, text: Tensor, kinds: NDArray[np.int64]) -> dict[str, Tensor]:
        """What each part adds to the visual tokens (B, N, Dv); together they are the module's output."""
        alignment, tokens = self._subject.alignment, len(self._weight)
        own = self._weight.diagonal()[:, None] * vision
        parts = {OWN: own, OTHERS: self._weight[:, :tokens] @ vision - own}
        for number, name in enumerate(TEXT_PARTS):
            mask = torch.from_numpy(kinds == number).to(text.device)[:, :, None]
            parts[name] = self._weight[:, tokens:] @ (text * mask)
        bias = alignment.image_text_infusion.bias.detach().float()[:, None]
        parts[BIAS] = bias.expand_as(vision)
        if alignment.learnable_tokens is not None:
            parts[LEARNABLE] = alignment.learnable_tokens.detach().float().expand_as(vision)
        return parts

    def finish(self) -> AnalysisSection:
        """See SectionBuilder."""
        weight = self._weight.double().cpu().numpy()
        tokens = len(weight)
        image, text = weight[:, :tokens], weight[:, tokens:]
        mixing = image - np.diag(np.diag(image))
        kinds, text_norms = np.array(self._kinds), np.array(self._text_norms)  # (n, T) both
        columns = {"image": np.linalg.norm(image, axis=0), "text": np.linalg.norm(text, axis=0)}
        contributions = columns["text"] * text_norms  # of rank one: |W_t E_t| = |W_t| |E_t|
        samples = range(len(kinds))
        means = {
            name: group_means(np.concatenate(found), {name: samples}, self._clusters)[name]
            for name, found in self._norms.items()
        }
        shares = {name: variation.share for name, variation in self._variations.items()}
        tables = (
            _block_table(image, mixing, text),
            _kind_table(kinds, columns["text"], contributions, means, shares),
            _part_table(means, shares),
        )
        arrays = {
            "column norms, image": columns["image"],
            "column norms, text": columns["text"],
            "mean contribution by text position": contributions.mean(axis=0),
            "row norms, own patch": np.abs(np.diag(image)),
            "row norms, other patches": np.linalg.norm(mixing, axis=1),
            "row norms, text": np.linalg.norm(text, axis=1),
        }
        return AnalysisSection(
            title="Norms of W",
            sentences=tuple(_sentences(columns, mixing, kinds, means, shares)),
            limits=(
                "The norm of a weight is not a contribution: it also takes the token's own norm, and tokens of like "
                "direction add up where others cancel. The contributions are measured on these samples for that "
                "reason; their norms do not add up to that of the whole, and a large one need not change an answer: "
                "`ablate` measures that.",
                "Padding is a part of the instruction here: CLIP's causal text encoder lets every later position, "
                "padding too, read all words before it.",
            ),
            tables=tables,
            arrays=arrays,
            figures=self._figures(kinds, arrays, means, shares),
        )

    def _figures(
        self,
        kinds: NDArray[np.int64],
        arrays: dict[str, Floats],
        means: dict[str, Mean],
        shares: dict[str, float | None],
    ) -> tuple[AnalysisFigure, ...]:
        by_position = {
            kind: (kinds == number).mean(axis=0) for number, kind in enumerate(KINDS)
        }  # how many samples have this kind there
        figures = [
            AnalysisFigure(
                "text-positions",
                "Norm of the text columns of W by position, with the mean norm of an image column (dashed); below, the "
                "mean norm of what each position adds to the visual tokens, and which kind of token stands there, as a "
                f"share of {len(kinds):,} samples.",
                partial(
                    draw_text_curve, self._positions, arrays, float(arrays["column norms, image"].mean()), by_position
                ),
            ),
            AnalysisFigure(
                "contributions",
                "Norm of what each part of W adds to the visual tokens, relative to the norm of the visual tokens "
                f"before alignment, on a logarithmic scale: means over {len(kinds):,} samples with 95% intervals "
                "(circles), and the norm of the part of it that differs between samples (squares; none where all "
                "samples are given the same).",
                partial(draw_contributions, means, shares),
            ),
        ]
        if self._subject.grid is not None:
            names = {
                "weight of the own patch": "row norms, own patch",
                "weights of other patches": "row norms, other patches",
                "weights of the text": "row norms, text",
                "patch as read by all": "column norms, image",
            }
            maps = {title: as_grid(arrays[name], self._subject.grid) for title, name in names.items()}
            figures.insert(
                0,
                AnalysisFigure(
                    "patches",
                    "Norms of W over the patch grid: for each visual token that W gives, its weight of the same patch, "
                    "the norm of its weights of the other patches and of the text; and for each patch the norm of its "
                    "column, which is how strongly all visual tokens read it.",
                    partial(heat_maps, maps),
                ),
            )
        return tuple(figures)


def _sentences(
    columns: dict[str, Floats],
    mixing: Floats,
    kinds: NDArray[np.int64],
    means: dict[str, Mean],
    shares: dict[str, float | None],
) -> list[str]:
    text = columns["text"]
    norms = {
        NAMES[kind]: float(np.broadcast_to(text, kinds.shape)[kinds == number].mean())
        for number, kind in enumerate(KINDS)
        if (kinds == number).any()
    }
    others = float(np.linalg.norm(mixing, axis=0).mean())
    return [
        f"A text token's column of W has a mean norm of {text.mean():.3g}, an image token's "
        f"{columns['image'].mean():.3g} ({others:.3g} without its own patch).",
        "Mean column norm by kind of text token, over the samples: "
        + ", ".join(f"{name} {norm:.3g}" for name, norm in norms.items())
        + ".",
        "Relative to the visual tokens, the parts add: "
        + ", ".join(f"{name} {mean}" for name, mean in means.items() if mean.value)
        + ".",
        "The system prompt is not among these tokens: the text encoder reads the instruction alone. "
        + _start_sentence(means, shares),
    ]


def _start_sentence(means: dict[str, Mean], shares: dict[str, float | None]) -> str:
    """What the start token, which is read before any word, adds beside the others."""
    start, rest = TEXT_PARTS[0], TEXT_PARTS[1:]
    if not any(means[name].value for name in rest):
        return "This alignment reads the start token alone, which is the same for every instruction."
    if not means[start].value:
        return "This alignment does not read the start token."
    most = max(rest, key=lambda name: means[name].value)
    share = shares[most]
    differs = "" if share is None else f", {share:.0%} of its squared norm differing between samples"
    return (
        "What is nearest to it is the start token, which is the same for every instruction: it adds "
        f"{means[start].value:.3g} of the visual tokens' norm, the {most.removeprefix('text, ')} "
        f"{means[most].value:.3g}{differs}."
    )


def _block_table(image: Floats, mixing: Floats, text: Floats) -> DataTable:
    whole = float((image**2).sum() + (text**2).sum())
    blocks = {
        "image block Wv": image,
        "its diagonal, own patch": np.diag(np.diag(image)),
        "its rest, other patches": mixing,
        "Wv - I, what training changed": image - np.eye(len(image)),
        "text block Wt": text,
    }
    rows: list[tuple[Value, ...]] = []
    for name, block in blocks.items():
        columns = np.linalg.norm(block, axis=0)
        norm = float(np.linalg.norm(block))
        share = norm**2 / whole if whole else None
        rows.append((name, block.shape[1], norm, share, float(columns.mean()), float(columns.max())))
    heads = ("block", "columns", "Frobenius norm", "share of W squared", "mean column norm", "largest column norm")
    return DataTable("blocks", "Norms of the blocks of W = [Wv | Wt].", heads, tuple(rows))


def _kind_table(
    kinds: NDArray[np.int64],
    norms: Floats,
    contributions: Floats,
    means: dict[str, Mean],
    shares: dict[str, float | None],
) -> DataTable:
    rows: list[tuple[Value, ...]] = []
    for number, kind in enumerate(KINDS):
        here = kinds == number
        name = TEXT_PARTS[number]
        some = bool(here.any())
        mean_norm = float(np.broadcast_to(norms, here.shape)[here].mean()) if some else None
        of_token = float(contributions[here].mean()) if some else None
        rows.append(
            (NAMES[kind], float(here.sum(axis=1).mean()), mean_norm, of_token, *means[name].cells, shares[name])
        )
    heads = (
        "kind of text token",
        "tokens an instruction",
        "mean column norm of W",
        "mean norm of what one token adds",
        "all of the kind add, relative to V",
        "low",
        "high",
        "share that differs between samples",
    )
    return DataTable("text-kinds", "Text tokens by kind, over the analyzed samples.", heads, tuple(rows))


def _part_table(means: dict[str, Mean], shares: dict[str, float | None]) -> DataTable:
    rows = tuple((name, *mean.cells, shares[name]) for name, mean in means.items())
    heads = ("part", "adds, relative to V", "low", "high", "share that differs between samples")
    return DataTable("contributions", "What each part of the module adds to the visual tokens.", heads, rows)
