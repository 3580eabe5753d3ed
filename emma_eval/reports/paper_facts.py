"""The optional columns of the paper's table: parameters, training data, size of the modality adaptation."""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.reports.model_rows import ModelRow
from emma_eval.reports.published import PaperRow
from emma_eval.reports.tables import Cell, Footnotes
from emma_eval.results.manifest import read_manifest

DASH = "\N{EN DASH}"
UNKNOWN = {
    "params": "its manifest does not have the number of parameters",
    "data": "a checkpoint does not say what it was trained on",
    "adaptation": "its manifest does not have the size of the modality adaptation",
}
LOADED = "parameters as loaded, without layers that no answer depends on"


def fact_cells(row: PaperRow | ModelRow, names: Sequence[str], footnotes: Footnotes) -> list[Cell]:
    """A cell for each of these columns: what is known with its note, or a dash with the reason."""
    return [_cell(row, name, footnotes) for name in names]


def _cell(row: PaperRow | ModelRow, name: str, footnotes: Footnotes) -> Cell:
    if isinstance(row, PaperRow):
        fact = getattr(row, name)
        return Cell(fact.text or DASH, footnotes=(footnotes.mark(f"{row.name}, {name}: {fact.note}"),))
    count = _parameters(row) if name == "params" else None
    if count:
        return Cell(in_words(count), footnotes=(footnotes.mark(f"{row.name}, {name}: {count:,} {LOADED}"),))
    return Cell(DASH, footnotes=(footnotes.mark(f"{row.name}, {name}: {UNKNOWN[name]}"),))


def in_words(count: int) -> str:
    """`7.2B`, `2.1M`, `870`."""
    for letter, size in (("B", 1e9), ("M", 1e6), ("K", 1e3)):
        if count >= size:
            return f"{count / size:.1f}{letter}"
    return str(count)


def _parameters(row: ModelRow) -> int | None:
    manifests = (read_manifest(folder) for folder in row.folders)
    return next((manifest.model.parameters for manifest in manifests if manifest), None)
