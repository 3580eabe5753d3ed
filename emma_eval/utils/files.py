"""Whole files: finding, reading (errors name the file), hashing, locking and atomic writing."""

from __future__ import annotations

import codecs
import errno
import gzip
import hashlib
import lzma
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile
from typing import IO, Any

from emma_eval.errors import UserError
from emma_eval.utils.compression import decompress, is_compressed
from emma_eval.utils.file_errors import FILE_ERRORS, UnusableFileError, describe_error
from emma_eval.utils.text import format_bytes

MAX_FILE_BYTES = 2**33  # of a data file: the largest, tables with images in their cells, have a few hundred MB
_HEAD_BYTES = 512
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"
_FILE_TYPES = (
    (stat.S_ISFIFO, "a FIFO (named pipe)"),
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISLNK, "a symbolic link"),
)
_SIGNATURES = (
    (_LFS_POINTER, "a git-LFS pointer, not the file itself; `git lfs pull` brings it"),
    (b"/annex/objects/", "a git-annex pointer, not the file itself; `git annex get` brings it"),
    (b"\x1f\x8b", "a gzip file; let its name end in .gz"),
    (b"\xfd7zXZ", "an xz file; let its name end in .xz"),
    (b"PK\x03\x04", "a zip file; unpack it"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF", "a PDF file"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"SQLite format 3", "an SQLite file"),
)


def find_file(path: Path) -> Path | None:
    """The path itself, its gzip twin `path.gz`, or None when neither exists."""
    twin = path.with_name(path.name + ".gz")
    return path if _exists(path) else twin if _exists(twin) else None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # there is no such file, as a name without .gz may just fit
            return False
        raise


def safe_relative_path(name: str) -> str:
    """The file name, which data files gave. Raises ValueError where it leads out of its folder: `../x`, `/x`, `C:x`."""
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or "\0" in name:
        raise ValueError(f"the file name {name!r} leads out of its folder")
    return name


def package_data(path: str) -> Path:
    """A file or folder that is beside the package in a checkout (`tasks`, say) and inside the wheel as `_tasks`."""
    package = Path(__file__).parents[1]
    installed = package / f"_{path}"
    return installed if installed.exists() else package.parent / path


def read_text(path: Path, max_bytes: int = MAX_FILE_BYTES) -> str:
    """The whole file as UTF-8, decompressed, line ends unchanged. Raises UserError naming the file."""
    data = read_bytes(path, max_bytes)
    if _is_utf_16(data[:4]):
        raise UserError(f"{path}: UTF-16 text; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        hint = content_hint(data[:_HEAD_BYTES]) or "; save it as UTF-8"
        raise UserError(f"{path}: not UTF-8 text at byte {error.start}{hint}") from error
    except MemoryError as error:
        raise UserError(f"{path}: {describe_error(error)}") from error


def _is_utf_16(head: bytes) -> bool:
    """By the byte order mark, or because every other byte is zero, as of ASCII characters."""
    marked = head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return marked or (len(head) == 4 and [byte == 0 for byte in head] in ([True, False] * 2, [False, True] * 2))


def read_bytes(path: Path, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """The whole file, decompressed if its name ends in .gz or .xz.

    Raises UserError naming the file: missing, no regular file, larger than `max_bytes`, a git-LFS pointer.
    """
    data = _read(
        path, max_bytes, lambda file: decompress(file, path, max_bytes) if is_compressed(path) else file.read()
    )
    if len(data) > max_bytes:
        raise UserError(f"{path}: cannot be read: more than {format_bytes(max_bytes)}, which no such file needs")
    if data.startswith(_LFS_POINTER):
        raise UserError(f"{path}{content_hint(data)}")
    return data


def read_head(path: Path) -> bytes:
    """A file's first bytes, enough for `content_hint`. Raises UserError where it is missing or no regular file."""
    return _read(path, sys.maxsize, lambda file: file.read(_HEAD_BYTES))


def _read(path: Path, max_bytes: int, read: Callable[[BufferedReader], bytes]) -> bytes:
    try:
        with open_regular(path, max_bytes) as file:
            return read(file)
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing") from error
    except gzip.BadGzipFile as error:
        raise UserError(f"{path}: not a gzip file, though its name ends in .gz") from error
    except lzma.LZMAError as error:
        raise UserError(f"{path}: not a whole xz file, though its name ends in .xz") from error
    except EOFError as error:
        raise UserError(f"{path}: the compressed file ends too early; fetch it again") from error
    except (*FILE_ERRORS, ValueError) as error:
        raise UserError(f"{path}: cannot be read: {describe_error(error)}") from error


def open_regular(path: Path, max_bytes: int = MAX_FILE_BYTES) -> BufferedReader:
    """Open a regular file for reading.

    Raises OSError; UnusableFileError for anything else, since opening a FIFO may block and reading a device never ends.
    """
    require_regular(path.stat(), max_bytes)
    # Opened without blocking and checked again, for the path may have been replaced in between.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        require_regular(os.fstat(descriptor), max_bytes)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def require_regular(status: os.stat_result, max_bytes: int = MAX_FILE_BYTES) -> None:
    """Raise UnusableFileError unless the status is of a regular file of at most `max_bytes`."""
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for is_kind, name in _FILE_TYPES if is_kind(status.st_mode)), "something else")
        raise UnusableFileError(f"{kind}, not a regular file")
    if status.st_size > max_bytes:
        raise UnusableFileError(
            f"{format_bytes(status.st_size)} large, more than the {format_bytes(max_bytes)} that any such file has"
        )


def content_hint(head: str | bytes) -> str:
    """`; it is a web page ...`, say, from the first bytes of a file that holds no data; empty where none is known."""
    begin = head.encode("utf-8", "replace")[:_HEAD_BYTES] if isinstance(head, str) else head[:_HEAD_BYTES]
    known = next((name for signature, name in _SIGNATURES if begin.startswith(signature)), "")
    if not known and begin.lstrip().lower().startswith((b"<!doctype html", b"<html", b"<?xml", b"<head")):
        known = "a web page (HTML or XML); download the file itself"
    return f"; it is {known}" if known else ""


def write_atomic(path: Path, content: str | bytes) -> None:
    """Replace a file's content in one step. Raises OSError (a full disk, say) and then leaves the file as it was.

    The draft beside it is always created anew, so that a link planted under its name is not written through.
    """
    draft = path.with_name(path.name + ".part")
    # A lone surrogate, which UTF-8 cannot hold, becomes `\ud800`: in JSON that is the same character.
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    try:
        draft.unlink(missing_ok=True)
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:  # with the name that the caller knows, not the draft's
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def open_output(path: Path, mode: str, buffering: int = -1) -> IO[Any]:
    """Open a file of this program's own for writing (`ab`, `a+`, `w`, ...); it is created where it is missing.

    Raises UserError for a symbolic link, a FIFO or whatever else was planted under its name, and OSError.
    """

    def opener(name: str, flags: int) -> int:
        with suppress(FileNotFoundError):
            require_regular(os.lstat(name), sys.maxsize)
        return os.open(name, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)

    try:
        return open(path, mode, buffering, encoding=None if "b" in mode else "utf-8", opener=opener)
    except UnusableFileError as error:
        raise UserError(f"{path}: {error.strerror}; it is not written through, delete it") from error


def make_output_folder(folder: Path) -> None:
    """Create the folder that the user named with --output, where it is missing.

    Raises UserError if it can't be one, or takes no files.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        NamedTemporaryFile(dir=folder).close()
    except OSError as error:
        reason = "there is a file of that name" if folder.is_file() else error.strerror
        raise UserError(f"{folder} cannot be the output folder: {reason}; name another with --output") from error


@contextmanager
def locked_file(path: Path, *, wait: bool) -> Iterator[IO[str] | None]:
    """Open a lock file and hold it exclusively: yields the file, or None while another process holds it.

    With `wait` it waits for the other instead. The kernel frees the lock however the process ends, so nothing stale is
    left after `kill -9` or a power cut. On a network disk without locks the file is yielded unlocked, which is better
    than refusing to work there. Raises UserError and OSError like `open_output`.
    """
    from filelock import lock_descriptor

    with open_output(path, "a+") as file:
        try:
            is_held = lock_descriptor(file.fileno(), blocking=wait)
        except OSError:
            is_held = True
        yield file if is_held else None


def is_deleted(file: IO[Any], path: Path) -> bool:
    """Whether an open file was removed from its folder, so that what is written to it is lost."""
    return os.fstat(file.fileno()).st_nlink == 0 and not path.exists()  # some network disks count no links


def sha256_of_file(path: Path) -> str:
    """The hex SHA-256 of a file's bytes. Raises OSError."""
    with open_regular(path, sys.maxsize) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_lines(lines: Iterable[str]) -> str:
    """The hex SHA-256 of texts, each followed by a newline."""
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.encode("utf-8", "surrogatepass") + b"\n")
    return digest.hexdigest()
