"""Readers by name, and what a reader is. A reader's module is imported only when a task uses it.

Another package adds readers by entry points of the group `emma_eval.readers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emma_eval.plugins import imported, with_plugins
from emma_eval.types import Sample

if TYPE_CHECKING:
    from emma_eval.readers.columns import Columns

_SHIPPED = {
    "amber_json": "emma_eval.readers.amber_json:READER",
    "amber_objects": "emma_eval.readers.amber_json:OBJECTS_READER",
    "captions_json": "emma_eval.readers.captions_json:READER",
    "easy_vqa": "emma_eval.readers.easy_vqa:READER",
    "foil_json": "emma_eval.readers.foil_json:READER",
    "gqa_json": "emma_eval.readers.gqa_json:READER",
    "mathvista_json": "emma_eval.readers.mathvista_json:READER",
    "mmbench_tsv": "emma_eval.readers.mmbench_tsv:READER",
    "mme_folder": "emma_eval.readers.mme_folder:READER",
    "pope_jsonl": "emma_eval.readers.pope_jsonl:READER",
    "scienceqa": "emma_eval.readers.scienceqa:READER",
    "seed_json": "emma_eval.readers.seed_json:READER",
    "table": "emma_eval.readers.table:reader_of",
    "textvqa_json": "emma_eval.readers.textvqa_json:READER",
    "vizwiz_json": "emma_eval.readers.vizwiz_json:READER",
    "vqa_json": "emma_eval.readers.vqa_json:READER",
}

# Data sets that the package writes itself: name -> function that returns the folder, written at its first call.
SUITES = {"mini": "emma_eval.mini.suite:suite_folder"}

Files = Mapping[str, Path]  # file key of the task -> a path that exists (image folders: that may exist)
Row = Mapping[str, Any]  # a hub row; picture columns hold an ImageSource, a list of them, or None
ReadRows = Callable[[str, Iterable[Row]], list[Sample]]  # (name for messages, rows)


@dataclass(frozen=True, slots=True)
class Reader:
    """One official format: its files, and how they, or the same content as hub rows, become samples.

    Both functions raise UserError naming file, row and key for content that does not fit the format.
    """

    read_files: Callable[[Files], list[Sample]]
    read_rows: ReadRows | None = None
    required: tuple[str, ...] = ()  # file keys a task must name
    optional: tuple[str, ...] = ()  # file keys a task may name; a file that is named must exist
    folders: tuple[str, ...] = ()  # image folders; needed to run, not to score
    repeats: bool = False  # whether the official scorer counts one question as often as it is annotated

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key the task's `files` may have."""
        return self.required + self.optional + self.folders


def known_readers() -> dict[str, str]:
    """Name -> place of every reader, those of other packages included."""
    return with_plugins("readers", _SHIPPED)


def takes_columns(name: str) -> bool:
    """Whether the reader of a known name reads what a task file says of its columns."""
    return not isinstance(imported(known_readers()[name]), Reader)


def get_reader(name: str, columns: Columns | None = None) -> Reader:
    """The reader of a known name, for these columns where it takes any."""
    found: Reader | Callable[[Columns | None], Reader] = imported(known_readers()[name])
    return found if isinstance(found, Reader) else found(columns)


def suite_folder(name: str) -> Path:
    """The folder of a name in SUITES, in the layout of a data root."""
    folder: Path = imported(SUITES[name])()
    return folder
