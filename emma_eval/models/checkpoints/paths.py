"""Paths that a user or a configuration wrote: whatever is wrong with one is told in one line. Imports no torch."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.utils.text import first_error_line

LFS_POINTER = b"version https://git-lfs"  # how the small file begins that git leaves in place of a large one


def user_path(name: str) -> Path:
    """The path, with `~` and `~user` replaced. Raises UserError where there is no such home."""
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise UserError(f"{name}: {first_error_line(error)} Write the whole path") from error


def is_folder(path: Path) -> bool:
    """Whether there is a folder. Raises UserError for a path that can't be one: a name too long, no right to look."""
    return stat.S_ISDIR(_mode(path))


def is_regular(path: Path) -> bool:
    """Whether there is a regular file, rather than a pipe or a device, which may never end. Raises like `is_folder`."""
    return stat.S_ISREG(_mode(path))


def seems_folder(path: Path) -> bool:
    """As `is_folder`, for one place of several: what can't be looked at is not there."""
    return _seems(is_folder, path)


def seems_regular(path: Path) -> bool:
    """As `is_regular`, for one place of several."""
    return _seems(is_regular, path)


def _seems(is_so: Callable[[Path], bool], path: Path) -> bool:
    try:
        return is_so(path)
    except UserError:
        return False


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except (OSError, ValueError) as error:  # a null character is a ValueError
        reason = error.strerror if isinstance(error, OSError) else first_error_line(error)
        raise UserError(f"{shortened(path)} cannot be looked at: {reason}") from error


def shortened(path: Path) -> str:
    """A path for messages, its middle left out where it is longer than a few lines."""
    text = str(path)
    return text if len(text) <= 300 else f"{text[:200]}[...]{text[-60:]}"
