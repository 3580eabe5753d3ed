"""The digests by which a run's data are recognised: hashes of files, or the commit of a hub data set."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from emma_eval.data.location import DataLocation
from emma_eval.utils.files import sha256_of_file, sha256_of_lines

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp"}


def data_digests(location: DataLocation) -> dict[str, str]:
    """File key -> SHA-256 of the official files; for data of the hub, `hub` -> data set and commit."""
    if digests := location.reader.digests:
        return digests()
    if location.snapshot:
        split = location.snapshot[0]
        return {"hub": f"{split.id} at commit {split.revision}"}
    hub = location.task.hub
    return file_digests(location.files) if location.files or not hub else {"hub": str(hub)}


def file_digests(files: Mapping[str, Path]) -> dict[str, str]:
    """File key -> SHA-256. Of a folder only what is no image counts: benchmarks' images are gigabytes."""
    digests = {}
    for key, path in sorted(files.items()):
        if path.is_file():
            digests[key] = sha256_of_file(path)
        elif others := sorted(_files_without_images(path)):
            digests[key] = sha256_of_lines(f"{p.relative_to(path)} {sha256_of_file(p)}" for p in others)
    return digests


def _files_without_images(folder: Path) -> Iterator[Path]:
    """The files below a folder that no suffix marks as an image; none of them is opened."""
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names if Path(name).suffix.lower() not in IMAGE_SUFFIXES)
