"""What tables, pages and comparisons call a run: its name, and where names clash what a person can map to a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LabelParts:
    """What a label is made of."""

    name: str  # given with --name, else the model's
    dtype: str
    folders: tuple[Path, ...]  # its folder; several where runs share a row


def labels(runs: Sequence[LabelParts]) -> list[str]:
    """A distinct label for each: its name; where names clash with the precision, if that differs, else with the folder.

    Of the folder's path so much as tells the clashing ones apart; one folder given twice is numbered.
    """
    names = [run.name for run in runs]
    names = _with_details(names, [run.dtype for run in runs])
    names = [f"{name}, {place}" if place else name for name, place in zip(names, _places(names, runs), strict=True)]
    for number, name in enumerate(names):
        if name in names[:number]:
            numbered = (f"{name}, {again}" for again in range(2, len(names) + 2))
            names[number] = next(text for text in numbered if text not in names)
    return names


def _with_details(names: Sequence[str], details: Sequence[str]) -> list[str]:
    """The names, with their details where those tell at least some of one name apart."""
    found = {name: {more for other, more in zip(names, details, strict=True) if other == name} for name in names}
    return [
        f"{name}, {more}" if more and len(found[name]) > 1 else name for name, more in zip(names, details, strict=True)
    ]


def _places(names: Sequence[str], runs: Sequence[LabelParts]) -> list[str]:
    """The ends of the paths of runs with one name; empty for a name that only one has."""
    places = []
    for name, run in zip(names, runs, strict=True):
        others = [other for own, other in zip(names, runs, strict=True) if own == name and other is not run]
        places.append(_end(run, others) if others else "")
    return places


def _end(run: LabelParts, others: Sequence[LabelParts]) -> str:
    """So many of the last parts of the run's path that no other has the same."""
    paths = [path.absolute() for path in run.folders]
    foreign = {path.absolute() for other in others for path in other.folders}
    deepest = max(len(path.parts) for path in (*paths, *foreign))
    for depth in range(1, deepest + 1):
        ends = [path.parts[-depth:] for path in paths]
        if not {path.parts[-depth:] for path in foreign} & set(ends):
            break
    else:
        ends = [path.parts[-1:] for path in paths]
    return " + ".join("/".join(end) for end in ends)
