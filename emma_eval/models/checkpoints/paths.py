"""Paths from the command line or a configuration file; an unusable one is a UserError. Imports no torch."""

from __future__ import annotations

import stat
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.utils.file_errors import describe_error
from emma_eval.utils.text import first_error_line


def expand_user(name: str) -> Path:
    """The path, with `~` and `~user` replaced. Raises UserError where there is no such home."""
    try:
        return Path(name).expanduser()
    except RuntimeError as error:
        raise UserError(f"{name}: {first_error_line(error)} Write the whole path") from error


def is_folder(path: Path) -> bool:
    """Whether there is a folder. Unlike `Path.is_dir`, raises UserError where that cannot be found out."""
    return stat.S_ISDIR(_file_mode(path))


def is_regular_file(path: Path) -> bool:
    """Whether there is a regular file (a pipe or a device may never end). Raises UserError like `is_folder`."""
    return stat.S_ISREG(_file_mode(path))


def _file_mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return 0
    except (OSError, ValueError) as error:  # no right to look, a name too long, a null character
        raise UserError(f"{shorten_path(path)} cannot be read: {describe_error(error)}") from error


def shorten_path(path: Path) -> str:
    """A path for messages, its middle left out where it is longer than a few lines."""
    text = str(path)
    return text if len(text) <= 300 else f"{text[:200]}[...]{text[-60:]}"
