"""The Arrow files that `datasets` makes of a fetched split, found again without it: its import takes half a second.

`.splits/CONFIG-SPLIT.prepared.json`, beside the list of a split's files, tells where they lie.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from emma_eval.data.hub.snapshot import Split
from emma_eval.utils.files import safe_relative_path, write_atomic
from emma_eval.utils.records import Record


class Prepared(Record):
    """What is remembered of a split."""

    revision: str
    images: tuple[str, ...]  # names of columns
    files: tuple[str, ...]  # within the folder of prepared files, which may be moved

    def paths(self, folder: Path) -> list[Path]:
        """Where the files are."""
        return [folder / safe_relative_path(file) for file in self.files]

    def table(self, folder: Path) -> Any:
        """The Arrow table, mapped into memory. Raises OSError or pyarrow.ArrowInvalid when a file cannot be read."""
        import pyarrow as pa

        return pa.concat_tables(pa.ipc.open_stream(pa.memory_map(str(path))).read_all() for path in self.paths(folder))


def image_columns(features: Any) -> tuple[str, ...]:
    """The columns of a data set that hold an image or a list of them."""
    from datasets import Image, List

    def is_one(kind: Any) -> bool:
        """An image, or what a table without the data set's own types has for one."""
        return isinstance(kind, Image) or (isinstance(kind, dict) and set(kind) == {"bytes", "path"})

    def is_image(kind: Any) -> bool:
        return is_one(kind) or (isinstance(kind, List) and is_one(kind.feature))

    return tuple(column for column, kind in features.items() if is_image(kind))


def remembered(note: Path, split: Split, folder: Path) -> Prepared | None:
    """What was prepared of this very commit, if all of it is still there."""
    try:
        prepared = Prepared.model_validate_json(note.read_bytes())
    except (OSError, ValidationError):
        return None
    whole = prepared.revision == split.revision and all(path.is_file() for path in prepared.paths(folder))
    return prepared if whole else None


def remember(note: Path, split: Split, dataset: Any, folder: Path) -> Prepared:
    """Write down where the files of a data set that was just prepared lie. Raises OSError when the disk is full."""
    files = tuple(Path(file["filename"]).relative_to(folder).as_posix() for file in dataset.cache_files)
    prepared = Prepared(revision=split.revision, images=image_columns(dataset.features), files=files)
    write_atomic(note, prepared.model_dump_json(indent=1) + "\n")
    return prepared
