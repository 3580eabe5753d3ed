"""Logs of JSON objects, one a line, only appended to.

Each line is passed to the kernel before `write` returns, so `kill -9` costs at most the line being written. It is on
the disk at most SYNC_SECONDS later, so a power cut costs no more than those. Opening a log removes an incomplete last
line. Damage anywhere else is an error: a line ends with the CRC-32 of what stands before, so that a changed byte is
noticed even where the line is JSON still. Lines without one, of earlier versions or written by hand, are read too.
"""

from __future__ import annotations

import errno
import json
import os
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from emma_eval.errors import UserError
from emma_eval.utils.files import is_deleted, open_output, read_bytes
from emma_eval.utils.gc_utils import gc_paused

LineT = TypeVar("LineT")

SYNC_SECONDS = 2.0
_encode = json.JSONEncoder(ensure_ascii=False).encode
CHECKSUM_KEY = "crc32"
_SUFFIX = b', "%s": "%%08x"}' % CHECKSUM_KEY.encode()  # in place of the closing brace
_SUFFIX_BYTES = len(_SUFFIX % 0)
_SUFFIX_BEGIN = _SUFFIX.partition(b"%")[0]


def with_checksum(line: bytes) -> bytes:
    """The JSON object of a line, not an empty one, with the checksum of its bytes as its last key."""
    return line[:-1] + _SUFFIX % zlib.crc32(line)


def without_checksum(line: bytes) -> bytes:
    """The reverse; a line without a checksum as it is. Raises ValueError where the checksum is another."""
    suffix = line[-_SUFFIX_BYTES:]
    if not suffix.startswith(_SUFFIX_BEGIN):
        return line
    content = line[:-_SUFFIX_BYTES] + b"}"
    if suffix != _SUFFIX % zlib.crc32(content):
        raise ValueError(f"not as it was written, by its {CHECKSUM_KEY}; whoever changes it by hand removes that key")
    return content


def read_lines(path: Path, parse: Callable[[bytes], LineT], without_it: str) -> tuple[list[LineT], int]:
    """What `parse` makes of each line, and the number of bytes up to the end of the last whole line.

    Nothing if there is no file. An incomplete last line, cut off or with zeros that a power cut left, is left out.
    `parse` raises KeyError, TypeError or ValueError for what it can't read. Raises UserError, naming file and line, for
    any other damage; `without_it` says what follows if that line is deleted.
    """
    with gc_paused():
        return _parse_lines(path, parse, without_it)


def _parse_lines(path: Path, parse: Callable[[bytes], LineT], without_it: str) -> tuple[list[LineT], int]:
    found: list[LineT] = []
    whole_bytes = 0
    lines = read_bytes(path).split(b"\n") if path.exists() else [b""]
    is_ended = lines[-1] == b""
    while lines[-1] == b"" and len(lines) > 1:
        lines.pop()
    for number, line in enumerate(lines, 1):
        try:
            found.append(parse(without_checksum(line)))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            if number == len(lines) and not (is_ended and line and b"\0" not in line):  # it was being written
                break
            raise UserError(
                f"{path}, line {number} is damaged ({type(error).__name__}: {error}); "
                f"delete that line, and {without_it}"
            ) from None
        whole_bytes += len(line) + 1
    return found, whole_bytes


class LineLog:
    """Appends JSON objects to a log. Opening it removes an incomplete last line."""

    def __init__(self, path: Path, whole_bytes: int) -> None:
        """Open it; `whole_bytes` is what `read_lines` returned."""
        path.parent.mkdir(exist_ok=True)  # whose own folder was made before: if it is gone, so is the run
        # Unbuffered: the write that meets a full disk raises, and close() has nothing left to lose.
        self._file = open_output(path, "ab", buffering=0)
        self._synced = time.monotonic()
        size = self._file.tell()
        if size == whole_bytes - 1:  # only the last newline is missing
            self._write(b"\n")
        elif size > whole_bytes:
            self._file.truncate(whole_bytes)

    def write(self, record: Mapping[str, Any]) -> None:
        """Write one object. Raises OSError if it can't be written whole, as on a full disk, or the log is deleted."""
        line = _encode(record).encode("utf-8", "backslashreplace")
        self._write(with_checksum(line) + b"\n")
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Write what was appended through to the disk."""
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()

    def _write(self, data: bytes) -> None:
        if is_deleted(self._file, Path(self._file.name)):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._file.name)
        try:
            while data:  # an unbuffered write may take only a part
                data = data[self._file.write(data) :]
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._file.name) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.sync()
        except OSError:
            if kind is None:  # otherwise the error under way says more
                raise
        finally:
            self._file.close()
