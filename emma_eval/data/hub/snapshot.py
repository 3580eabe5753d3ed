"""What `data fetch` brings below a data root: the files of hub data sets, and a list of those that make a split.

`ROOT/hub/ORG/NAME/` holds the files as the repository has them, `.splits/CONFIG-SPLIT.json` there which of them a split
needs, of which commit, and their hashes as the hub tells them. `ROOT/hub/.prepared/` is the cache of `datasets`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from emma_eval.errors import UserError
from emma_eval.utils.files import read_bytes, safe_relative_path, sha256_of_file
from emma_eval.utils.records import Record, read_record

if TYPE_CHECKING:
    from emma_eval.tasks.sections import HubConfig

FOLDER = "hub"
PREPARED = ".prepared"


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

    def is_whole(self, folder: Path) -> bool:
        """Whether the file is there in its full size."""
        path = folder / self.path
        return path.is_file() and path.stat().st_size == self.size

    def is_intact(self, path: Path) -> bool:
        """Whether a file has the content that the hub tells."""
        if self.sha256:
            return sha256_of_file(path) == self.sha256
        content = read_bytes(path)
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == self.git_sha1  # noqa: S324 (git's)


class Split(Record):
    """Which files make one split of one configuration, and how `datasets` reads them."""

    id: str
    config: str | None
    split: str
    revision: str = Field(description="the commit")
    builder: str = Field(
        description="parquet, csv, ...: the name of datasets' reader; empty for files read as they are"
    )
    features: dict[str, Any] | None = Field(description="the columns' types, where the repository's README tells them")
    files: tuple[HubFile, ...]

    def missing(self, folder: Path) -> list[HubFile]:
        """The files that are not there, or not whole."""
        return [file for file in self.files if not file.is_whole(folder)]


def repository_folder(root: Path, name: str) -> Path:
    """Where the files of a hub data set lie below a data root."""
    return root / FOLDER / safe_relative_path(name)


def split_file(root: Path, hub: HubConfig, config: str | None) -> Path:
    """Where the list of a split's files lies."""
    return repository_folder(root, hub.id) / ".splits" / f"{config or 'default'}-{hub.split or 'files'}.json"


def configurations(hub: HubConfig) -> list[str | None]:
    """The configurations that a task reads: that of its questions, and that of its images if it is another."""
    return [hub.config, hub.images.config] if hub.images else [hub.config]


def listed_split(root: Path, hub: HubConfig, config: str | None) -> Split | None:
    """The list of a split's files; None where nothing was fetched, or another revision than the task asks for.

    Raises UserError for a list that cannot be read.
    """
    path = split_file(root, hub, config)
    if not path.is_file():
        return None
    split = read_record(path, Split, "delete it and fetch again")
    return split if hub.revision in (None, split.revision) else None


def brought(root: Path | None, hub: HubConfig | None, found: Mapping[str, Path]) -> bool:
    """Whether files found below the root are the repository's own, as they were fetched (`hub.files`)."""
    if root is None or hub is None or not hub.files:
        return False
    return any(path.is_relative_to(repository_folder(root, hub.id)) for path in found.values())


def fetched_splits(root: Path | None, hub: HubConfig | None) -> list[Split]:
    """All that a task needs of the hub, one a configuration; nothing where it was never fetched.

    Raises UserError where fetching was begun and not ended, files have gone since, or are of another commit.
    """
    if root is None or hub is None or Path(hub.id).is_absolute():
        return []
    folder = repository_folder(root, hub.id)
    listed = [listed_split(root, hub, config) for config in configurations(hub)]
    splits = [split for split in listed if split]
    if not splits and hub.revision and split_file(root, hub, hub.config).is_file():
        raise UserError(f"{folder}: fetched at another commit than {hub.revision[:12]}; `data fetch` brings that one")
    missing = [file.path for split in splits for file in split.missing(folder)]
    if missing or 0 < len(splits) < len(listed):
        first = f", the first is {missing[0]}" if missing else ""
        raise UserError(f"{folder}: files are missing or cut short{first}; `data fetch` goes on where it stopped")
    return splits
