"""Where tasks and their data are found: what the options --data, --task-dir, --include-path and --offline say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from emma_eval.tasks.index import extra_task_folders
from emma_eval.tasks.sources import extra_include_paths

PathText = str | PathLike[str]
Folders = PathText | Sequence[PathText]  # one or several


def as_paths(folders: Folders) -> tuple[Path, ...]:
    """The folders as paths."""
    return (Path(folders),) if isinstance(folders, str | PathLike) else tuple(map(Path, folders))


@dataclass(frozen=True, slots=True)
class Places:
    """The folders that the user has named."""

    data: Path | None = None
    files: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)  # task -> file key -> path
    task_dir: tuple[Path, ...] = ()
    include_path: tuple[Path, ...] = ()
    offline: bool = False

    @contextmanager
    def known(self) -> Iterator[None]:
        """A context in which tasks of these folders are known. Raises UserError for a path that is no folder."""
        from emma_eval.utils.hub import offline

        with (
            extra_task_folders(self.task_dir),
            extra_include_paths(self.include_path),
            offline() if self.offline else nullcontext(),
        ):
            yield
