"""Writing whole files so that a crash leaves the old one or the new one, never half; hashing and blaming files."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.errors import UserError

if TYPE_CHECKING:
    from pydantic import ValidationError


def write_atomic(path: Path, text: str) -> None:
    """Replace `path` by `text` in one step. Raises OSError (a full disk, say), leaving what stood there before."""
    draft = path.with_name(path.name + ".part")
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:  # the name that the caller knows, not the draft's
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Create a folder that the user named with --output, where it is missing. Raises UserError if it can't be one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = "there is a file of that name" if folder.is_file() else error.strerror
        raise UserError(f"{folder} cannot be the output folder: {why}; name another with --output") from error


def sha256_of_file(path: Path) -> str:
    """The hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def first_complaint(error: ValidationError) -> str:
    """The first thing wrong with a file, as 'place: what'; mending it often mends the others."""
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the whole file'}: {first['msg']}"
