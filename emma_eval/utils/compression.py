"""Files that are compressed, by the end of their name: `.gz` and `.xz` are unpacked when read, within limits."""

from __future__ import annotations

import gzip
import lzma
import os
from io import BufferedReader
from pathlib import Path

from emma_eval.utils.file_errors import UnusableFileError
from emma_eval.utils.text import format_bytes

_SMALL_BYTES = 2**26  # any compressed file may unpack to this
_MAX_RATIO = 100  # of what a larger one may unpack to: annotations reach 30, a bomb 1,000
_BLOCK_BYTES = 2**20
_SUFFIXES = (".gz", ".xz")


def is_compressed(path: Path) -> bool:
    """Whether the path's name says so."""
    return path.suffix in _SUFFIXES


def decompress(file: BufferedReader, path: Path, max_bytes: int) -> bytes:
    """The content of a file opened from `path`.

    Raises UnusableFileError for one that unpacks to as much as only a bomb does, OSError, EOFError or LZMAError for a
    damaged one.
    """
    packed = os.fstat(file.fileno()).st_size
    allowed = min(max_bytes, max(_SMALL_BYTES, _MAX_RATIO * packed))
    data = bytearray()
    with lzma.open(file) if path.suffix == ".xz" else gzip.open(file) as unpacked:
        while block := unpacked.read(_BLOCK_BYTES):
            data += block
            if len(data) > allowed:
                raise UnusableFileError(
                    f"its {format_bytes(packed)} unpack to more than {format_bytes(allowed)}, as no such file does"
                )
    return bytes(data)


def compress(content: str, path: Path) -> bytes:
    """The text as UTF-8, compressed as the path's name says; equal texts give equal bytes."""
    data = content.encode()
    if path.suffix == ".xz":
        return lzma.compress(data, preset=9)
    return gzip.compress(data, mtime=0) if path.suffix == ".gz" else data
