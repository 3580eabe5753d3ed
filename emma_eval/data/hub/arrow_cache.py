"""The Arrow files that `datasets` writes for a downloaded split, read without it: its import takes half a second.

`.splits/CONFIG-SPLIT.prepared.json`, beside the list of a split's files, names them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from emma_eval.data.hub.snapshot import Split
from emma_eval.utils.files import safe_relative_path, write_atomic
from emma_eval.utils.records import Record


class ArrowCache(Record):
    """The Arrow files of one split at one commit."""

    revision: str
    images: tuple[str, ...]  # names of the image columns
    files: tuple[str, ...]  # relative to the folder of Arrow files, which may be moved

    def paths(self, folder: Path) -> list[Path]:
        """The files' paths."""
        return [folder / safe_relative_path(file) for file in self.files]

    def table(self, folder: Path) -> Any:
        """The Arrow table, mapped into memory. Raises OSError or pyarrow.ArrowInvalid when a file cannot be read."""
        import pyarrow as pa

        return pa.concat_tables(pa.ipc.open_stream(pa.memory_map(str(path))).read_all() for path in self.paths(folder))


def image_columns(features: Any) -> tuple[str, ...]:
    """The columns of a data set that hold an image or a list of them."""
    from datasets import Image, List

    def is_single(kind: Any) -> bool:
        """An image, or the struct that a table without the data set's own types has for one."""
        return isinstance(kind, Image) or (isinstance(kind, dict) and set(kind) == {"bytes", "path"})

    def is_image(kind: Any) -> bool:
        return is_single(kind) or (isinstance(kind, List) and is_single(kind.feature))

    return tuple(column for column, kind in features.items() if is_image(kind))


def load_arrow_cache(path: Path, split: Split, folder: Path) -> ArrowCache | None:
    """The Arrow files of the split's commit; None unless all of them exist."""
    try:
        cache = ArrowCache.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    complete = cache.revision == split.revision and all(file.is_file() for file in cache.paths(folder))
    return cache if complete else None


def save_arrow_cache(path: Path, split: Split, dataset: Any, folder: Path) -> ArrowCache:
    """Record at `path` the Arrow files of a loaded data set. Raises OSError when the disk is full."""
    files = tuple(Path(file["filename"]).relative_to(folder).as_posix() for file in dataset.cache_files)
    cache = ArrowCache(revision=split.revision, images=image_columns(dataset.features), files=files)
    write_atomic(path, cache.model_dump_json(indent=1) + "\n")
    return cache
