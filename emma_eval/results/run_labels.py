"""Labels of runs in tables, pages and comparisons: the name, and where names clash precision or folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LabelParts:
    """What a run's label may consist of."""

    name: str  # given with --name, else the model's
    dtype: str
    folders: tuple[Path, ...]  # several if several runs share a row


def labels(runs: Sequence[LabelParts]) -> list[str]:
    """A distinct label for each run: its name; if names clash, also the precision if it differs, else the folder.

    Of a folder's path only as much is taken as distinguishes the runs. A folder that is given twice is numbered.
    """
    names = [run.name for run in runs]
    names = _with_details(names, [run.dtype for run in runs])
    names = [f"{name}, {end}" if end else name for name, end in zip(names, _path_ends(names, runs), strict=True)]
    for index, name in enumerate(names):
        if name in names[:index]:
            numbered = (f"{name}, {count}" for count in range(2, len(names) + 2))
            names[index] = next(text for text in numbered if text not in names)
    return names


def _with_details(names: Sequence[str], details: Sequence[str]) -> list[str]:
    """The names, with their details where these differ among runs of one name."""
    of_name = {name: {more for other, more in zip(names, details, strict=True) if other == name} for name in names}
    return [
        f"{name}, {more}" if more and len(of_name[name]) > 1 else name
        for name, more in zip(names, details, strict=True)
    ]


def _path_ends(names: Sequence[str], runs: Sequence[LabelParts]) -> list[str]:
    """The distinguishing end of each run's path; empty if no other run has its name."""
    ends = []
    for name, run in zip(names, runs, strict=True):
        others = [other for own, other in zip(names, runs, strict=True) if own == name and other is not run]
        ends.append(_path_end(run, others) if others else "")
    return ends


def _path_end(run: LabelParts, others: Sequence[LabelParts]) -> str:
    """The fewest last parts of the run's path that no other run's path ends with."""
    paths = [path.absolute() for path in run.folders]
    other_paths = {path.absolute() for other in others for path in other.folders}
    deepest = max(len(path.parts) for path in (*paths, *other_paths))
    for depth in range(1, deepest + 1):
        ends = [path.parts[-depth:] for path in paths]
        if not {path.parts[-depth:] for path in other_paths} & set(ends):
            break
    else:
        ends = [path.parts[-1:] for path in paths]
    return " + ".join("/".join(end) for end in ends)
