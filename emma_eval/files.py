"""Whole files: found, read with errors that name them, hashed, locked, and written so that no crash leaves a half."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from contextlib import suppress
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile
from typing import IO

from emma_eval.errors import UserError


def existing(path: Path) -> Path | None:
    """The path itself, its gzip twin `path.gz`, or None when neither exists."""
    twin = path.with_name(path.name + ".gz")
    return path if path.exists() else twin if twin.exists() else None


def inside(name: str) -> str:
    """A file name from the data, which must stay in its folder. Raises ValueError for `../x`, `/x`, `C:x` or `.`."""
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise ValueError(f"the file name {name!r} leads out of its folder")
    return name


def shipped(path: str) -> Path:
    """What the wheel carries inside the package as `_path` and a checkout has beside it: `tasks`, for example."""
    package = Path(__file__).parent
    installed = package / f"_{path}"
    return installed if installed.exists() else package.parent / path


def read_text(path: Path) -> str:
    """The whole file as UTF-8, decompressed, line ends as they are. Raises UserError naming the file."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text at byte {error.start}") from error


def read_bytes(path: Path) -> bytes:
    """The whole file, decompressed. Raises UserError naming the file."""
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing") from error
    except EOFError as error:
        raise UserError(f"{path}: the gzip file ends too early; fetch it again") from error
    except (OSError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error


def write_atomic(path: Path, content: str | bytes) -> None:
    """Replace a file's content in one step. Raises OSError (a full disk, say), leaving what stood there before."""
    draft = path.with_name(path.name + ".part")
    # A lone surrogate, which UTF-8 cannot hold, becomes `\ud800`: in JSON that is the same character.
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:  # the name that the caller knows, not the draft's
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Create a folder that the user named with --output, where it is missing.

    Raises UserError if it can't be one, or takes no files.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        NamedTemporaryFile(dir=folder).close()
    except OSError as error:
        why = "there is a file of that name" if folder.is_file() else error.strerror
        raise UserError(f"{folder} cannot be the output folder: {why}; name another with --output") from error


def lock(file: IO[str], *, wait: bool) -> bool:
    """Hold an open file for this process until it is closed; False if another holds it, unless that is waited for.

    The kernel frees the lock however the process ends, so nothing stale is left after `kill -9` or a power cut. Some
    network disks, and Windows, have no such locks: the file is then used unlocked, which is better than not at all.
    """
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        pass
    return True


def sha256_of_file(path: Path) -> str:
    """The hex SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
