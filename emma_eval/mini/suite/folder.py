"""A folder of generated files that is complete or absent: written elsewhere, checksummed, then renamed.

A damaged folder is repaired file by file, each replaced atomically, because another process may be reading it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.utils.file_errors import describe_error
from emma_eval.utils.files import locked_file, read_text, safe_relative_path, sha256_of_file

CHECKSUMS = "SHA256SUMS"  # `sha256sum --check SHA256SUMS` reads it too


def publish(folder: Path, write: Callable[[Path], None]) -> Path:
    """Write `folder` by `write(draft)` unless it is complete already; damaged and missing files are replaced.

    Other files in it are left alone. A second process waits for the first and uses its folder. Returns `folder`.
    Raises UserError if it cannot be written.
    """
    if is_complete(folder):
        return folder
    draft = folder.with_name(folder.name + ".part")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked_file(folder.with_name(folder.name + ".lock"), wait=True):
            if is_complete(folder):
                return folder
            for leftover in (draft, folder):
                if leftover.is_symlink() or leftover.is_file():
                    leftover.unlink()
            if draft.exists():
                shutil.rmtree(draft)
            draft.mkdir()
            write(draft)
            (draft / CHECKSUMS).write_text(checksums(draft), encoding="utf-8")
            if folder.exists():
                _repair(folder, draft)
            else:
                draft.rename(folder)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written: {describe_error(error)}; name another place in EMMA_CACHE"
        ) from error
    return folder


def is_complete(folder: Path) -> bool:
    """Whether every file that CHECKSUMS lists is there and unchanged; other files do not matter (`.DS_Store`)."""
    try:
        lines = read_text(folder / CHECKSUMS).splitlines()
        expected = [line.split("  ", 1) for line in lines]
        return bool(expected) and all(
            sha256_of_file(folder / safe_relative_path(path)) == digest for digest, path in expected
        )
    except (OSError, UserError, ValueError):
        return False


def _repair(folder: Path, draft: Path) -> None:
    """Replace the folder's files that differ from the draft's, CHECKSUMS last; then delete the draft."""
    paths = [path.relative_to(draft) for path in sorted(draft.rglob("*")) if path.is_file()]
    for path in sorted(paths, key=lambda path: path.name == CHECKSUMS):
        target = folder / path
        if target.is_file() and not target.is_symlink() and target.read_bytes() == (draft / path).read_bytes():
            continue
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        (draft / path).replace(target)
    shutil.rmtree(draft)


def checksums(folder: Path) -> str:
    """A line `sha256  path` for each file below `folder` except CHECKSUMS, sorted by path."""
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return "".join(f"{sha256_of_file(folder / path)}  {path}\n" for path in paths if path != CHECKSUMS)
