"""What `data fetch` downloads below a data root: files of hub data sets, and for each split a list of its files.

`ROOT/hub/ORG/NAME/` holds the files as the repository has them, and in `.splits/CONFIG-SPLIT.json` the split's commit
and its files with their hashes, from the hub. `ROOT/hub/.prepared/` is the cache of `datasets`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator

from emma_eval.errors import UserError
from emma_eval.utils.files import read_bytes, safe_relative_path, sha256_of_file
from emma_eval.utils.records import Record, read_record

if TYPE_CHECKING:
    from emma_eval.tasks.sections import HubConfig

HUB_FOLDER = "hub"  # below the data root
ARROW_FOLDER = ".prepared"  # below that


# Of datasets' readers those of plain tables and images: one of them unpickles, and any other name is a data set's.
Builder = Literal["", "parquet", "arrow", "csv", "json", "text", "imagefolder", "webdataset"]


class HubFile(Record):
    """One file of a repository."""

    path: str = Field(description="within the repository")
    size: int = Field(description="bytes")
    sha256: str | None = Field(default=None, description="of a large file")
    git_sha1: str | None = Field(default=None, description="of a small one: git's own hash of it")

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        return safe_relative_path(path)

    def is_complete(self, folder: Path) -> bool:
        """Whether the file exists in its full size."""
        path = folder / self.path
        return path.is_file() and path.stat().st_size == self.size

    def has_hash(self, path: Path) -> bool:
        """Whether the file at `path` has the hash that the hub gives."""
        if self.sha256:
            return sha256_of_file(path) == self.sha256
        content = read_bytes(path)
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == self.git_sha1  # noqa: S324 (git's)


class Split(Record):
    """The files of one split of one configuration, and how `datasets` reads them."""

    id: str
    config: str | None
    split: str
    revision: str = Field(description="the commit")
    builder: Builder = Field(description="the name of datasets' reader; empty for files read as they are")
    features: dict[str, Any] | None = Field(description="the columns' types, where the repository's README gives them")
    files: tuple[HubFile, ...]

    def missing_files(self, folder: Path) -> list[HubFile]:
        """The files that do not exist in full size."""
        return [file for file in self.files if not file.is_complete(folder)]


def repository_folder(root: Path, name: str) -> Path:
    """The folder of a hub data set below a data root."""
    return root / HUB_FOLDER / safe_relative_path(name)


def split_path(root: Path, hub: HubConfig, config: str | None) -> Path:
    """The path of the list of a split's files."""
    return repository_folder(root, hub.id) / ".splits" / f"{config or 'default'}-{hub.split or 'files'}.json"


def configurations(hub: HubConfig) -> list[str | None]:
    """The configurations that a task reads: one with its questions, and another one if that has the images."""
    return [hub.config, hub.images.config] if hub.images else [hub.config]


def read_split(root: Path, hub: HubConfig, config: str | None) -> Split | None:
    """The list of a split's files; None if nothing was downloaded, or another revision than the task pins.

    Raises UserError for a list that cannot be read.
    """
    path = split_path(root, hub, config)
    if not path.is_file():
        return None
    split = read_record(path, Split, "delete it and fetch again")
    return split if hub.revision in (None, split.revision) else None


def is_downloaded(root: Path | None, hub: HubConfig | None, files: Mapping[str, Path]) -> bool:
    """Whether any of the files is one that `data fetch` downloaded as it is (`hub.files`)."""
    if root is None or hub is None or not hub.files:
        return False
    return any(path.is_relative_to(repository_folder(root, hub.id)) for path in files.values())


def snapshot_splits(root: Path | None, hub: HubConfig | None) -> list[Split]:
    """The downloaded splits that a task reads, one per configuration; empty if it was never fetched.

    Raises UserError where files are missing, cut short or of another commit.
    """
    if root is None or hub is None or Path(hub.id).is_absolute():
        return []
    folder = repository_folder(root, hub.id)
    listed = [read_split(root, hub, config) for config in configurations(hub)]
    splits = [split for split in listed if split]
    if not splits and hub.revision and split_path(root, hub, hub.config).is_file():
        raise UserError(f"{folder}: fetched at another commit than {hub.revision[:12]}; `data fetch` brings that one")
    missing = [file.path for split in splits for file in split.missing_files(folder)]
    if missing or 0 < len(splits) < len(listed):
        first = f", the first is {missing[0]}" if missing else ""
        raise UserError(f"{folder}: files are missing or cut short{first}; `data fetch` goes on where it stopped")
    return splits
