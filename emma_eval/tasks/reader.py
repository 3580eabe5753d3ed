"""The interface of readers, which make samples of official files, or of hub rows with the same content."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emma_eval.registry import look_up
from emma_eval.types import Sample

if TYPE_CHECKING:
    from emma_eval.tasks.columns import Columns

Files = Mapping[str, Path]  # file key of the task -> a path that exists (image folders: that may exist)
Row = Mapping[str, Any]  # a hub row; image columns hold an ImageSource, a list of them, or None
ReadRows = Callable[[str, Iterable[Row]], list[Sample]]  # (name for messages, rows)


@dataclass(frozen=True, slots=True)
class Reader:
    """One official format: its files, and the functions that make samples of them, or of hub rows.

    Both functions raise UserError, naming file, row and key, for content that does not fit the format.
    """

    read_files: Callable[[Files], list[Sample]]
    read_rows: ReadRows | None = None
    required: tuple[str, ...] = ()  # file keys a task must name
    optional: tuple[str, ...] = ()  # file keys a task may name; a file that is named must exist
    folders: tuple[str, ...] = ()  # image folders; needed to run, not to score
    digests: Callable[[], dict[str, str]] | None = None  # of data that are no files of the task's
    repeats: bool = False  # whether the official scorer counts one question as often as it is annotated

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key the task's `files` may have."""
        return self.required + self.optional + self.folders


def takes_columns(name: str) -> bool:
    """Whether the reader of a known name is made for the `columns` of a task file."""
    return not isinstance(look_up("readers", name), Reader)


def get_reader(name: str, columns: Columns | None = None) -> Reader:
    """The reader of a known name, for these columns if it takes any."""
    prefix, colon, rest = name.partition(":")
    if colon:  # of a task that another tool defines
        given: Reader = look_up("task_sources", prefix).reader(rest)
        return given
    found: Reader | Callable[[Columns | None], Reader] = look_up("readers", name)
    return found if isinstance(found, Reader) else found(columns)
