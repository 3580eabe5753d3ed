"""A folder of generated files that is whole or not there: written aside, sealed with checksums, then renamed.

A damaged one is mended file by file, each in one step: another process may be reading it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.utils.files import lock, open_output, read_text, safe_relative_path, sha256_of_file

SEAL = "SHA256SUMS"  # `sha256sum --check SHA256SUMS` reads it too


def publish(folder: Path, write: Callable[[Path], None]) -> Path:
    """`folder`, made by `write(draft)` unless it is whole already; what is damaged or missing in it is replaced.

    What else was put there is left alone. A second process waits for the first and takes its folder. Raises UserError
    when the disk refuses.
    """
    if is_whole(folder):
        return folder
    draft = folder.with_name(folder.name + ".part")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with open_output(folder.with_name(folder.name + ".lock"), "a") as file:
            lock(file, wait=True)
            if is_whole(folder):
                return folder
            for leftover in (draft, folder):
                if leftover.is_symlink() or leftover.is_file():
                    leftover.unlink()
            if draft.exists():
                shutil.rmtree(draft)
            draft.mkdir()
            write(draft)
            (draft / SEAL).write_text(checksums(draft), encoding="utf-8")
            if folder.exists():
                _mend(folder, draft)
            else:
                draft.rename(folder)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error}; name another place in EMMA_CACHE") from error
    return folder


def is_whole(folder: Path) -> bool:
    """Whether the folder holds the files that were sealed, to the byte; a file manager's `.DS_Store` does no harm."""
    try:
        lines = read_text(folder / SEAL).splitlines()
        sealed = [line.split("  ", 1) for line in lines]
        return bool(sealed) and all(
            sha256_of_file(folder / safe_relative_path(path)) == digest for digest, path in sealed
        )
    except (OSError, UserError, ValueError):
        return False


def _mend(folder: Path, draft: Path) -> None:
    """Put the draft's files in place of those of the folder that differ, the seal last; then the draft goes."""
    paths = [path.relative_to(draft) for path in sorted(draft.rglob("*")) if path.is_file()]
    for path in sorted(paths, key=lambda path: path.name == SEAL):
        target = folder / path
        if target.is_file() and not target.is_symlink() and target.read_bytes() == (draft / path).read_bytes():
            continue
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        (draft / path).replace(target)
    shutil.rmtree(draft)


def checksums(folder: Path) -> str:
    """A line `sha256  path` for each file below `folder` but the seal, sorted by path."""
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return "".join(f"{sha256_of_file(folder / path)}  {path}\n" for path in paths if path != SEAL)
