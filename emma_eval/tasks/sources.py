"""Tasks that another tool defines: they are named PREFIX:NAME (`lmms:pope`), and the prefix names what loads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from emma_eval.errors import UserError
from emma_eval.registry import entries, look_up

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig
    from emma_eval.tasks.reader import Reader

_include_paths: ContextVar[tuple[Path, ...]] = ContextVar("_include_paths", default=())  # the user's, of this thread


class TaskSource(Protocol):
    """Another tool's tasks; names are without the prefix. All three raise UserError for a task that cannot be run."""

    def expand(self, name: str) -> Sequence[str]:
        """The task itself, or the tasks of a group."""
        ...

    def load(self, name: str) -> TaskConfig:
        """The task, its `reader` named PREFIX:NAME."""
        ...

    def reader(self, name: str) -> Reader:
        """What gives the task's samples."""
        ...


def find_source(name: str) -> tuple[TaskSource, str] | None:
    """The source that a task's or reader's name begins with, and the rest of the name; None without one."""
    prefix, colon, rest = name.partition(":")
    return (look_up("task_sources", prefix), rest) if colon and prefix in entries("task_sources") else None


@contextmanager
def extra_include_paths(folders: Sequence[Path]) -> Iterator[None]:
    """A context in which sources know the definitions in these folders. Raises UserError for one that is not there."""
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"--include-path {folder}: no such folder")
    token = _include_paths.set(tuple(folder.resolve() for folder in folders))
    try:
        yield
    finally:
        _include_paths.reset(token)


def include_paths() -> tuple[Path, ...]:
    """The folders of --include-path."""
    return _include_paths.get()
