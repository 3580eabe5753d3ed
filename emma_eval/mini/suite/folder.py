"""A folder of generated files that is whole or not there: written aside, sealed with checksums, then renamed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.files import lock, sha256_of_file

SEAL = "SHA256SUMS"  # `sha256sum --check SHA256SUMS` reads it too


def publish(folder: Path, write: Callable[[Path], None]) -> Path:
    """`folder`, made by `write(draft)` unless it is whole already; a damaged one is replaced.

    A second process waits for the first and takes its folder. Raises UserError when the disk refuses.
    """
    if is_whole(folder):
        return folder
    draft = folder.with_name(folder.name + ".part")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder.with_name(folder.name + ".lock").open("a", encoding="utf-8") as file:
            lock(file, wait=True)
            if is_whole(folder):
                return folder
            for leftover in (draft, folder):
                if leftover.exists():
                    shutil.rmtree(leftover)
            draft.mkdir()
            write(draft)
            (draft / SEAL).write_text(checksums(draft), encoding="utf-8")
            draft.rename(folder)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error}; name another place in EMMA_CACHE") from error
    return folder


def is_whole(folder: Path) -> bool:
    """Whether the folder holds exactly the files that were sealed, to the byte."""
    try:
        return (folder / SEAL).read_text(encoding="utf-8") == checksums(folder)
    except (OSError, UnicodeDecodeError):
        return False


def checksums(folder: Path) -> str:
    """A line `sha256  path` for each file below `folder` but the seal, sorted by path."""
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return "".join(f"{sha256_of_file(folder / path)}  {path}\n" for path in paths if path != SEAL)
