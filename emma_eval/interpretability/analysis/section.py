"""What a section of an analysis is made of, and what builds one from the samples' features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from emma_eval.results.model_analysis import Value

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from emma_eval.interpretability.analysis.subject import FeatureBatch

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DataTable:
    """Numbers in rows; None is written where there is no value."""

    name: str  # of its file, distinct within the section
    caption: str  # a sentence
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, slots=True)
class AnalysisFigure:
    """A figure for papers."""

    name: str  # of its files, distinct within the section
    caption: str  # sentences that can go into a paper
    draw: Callable[[], Figure]  # called within the style of `reports.figures`


@dataclass(frozen=True, slots=True)
class AnalysisSection:
    """One part of an analysis, complete in itself."""

    title: str
    sentences: tuple[str, ...]  # what was found
    limits: tuple[str, ...] = ()  # what the numbers do not say
    tables: tuple[DataTable, ...] = ()
    arrays: Mapping[str, Floats] = field(default_factory=dict)  # of one or two axes
    figures: tuple[AnalysisFigure, ...] = ()


class SectionBuilder(Protocol):
    """Sees every sample once and then says what it found."""

    def add(self, batch: FeatureBatch) -> None:
        """Take in the features of some samples; equal images follow each other."""
        ...

    def finish(self) -> AnalysisSection:
        """The section, after the last batch. Raises UserError where the samples are too few."""
        ...
