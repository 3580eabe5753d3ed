"""Messages for what the standard library raises about a file."""

from __future__ import annotations

import errno
import gzip
import lzma
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from emma_eval.utils.text import error_message

# What a path, a disk or a file's content can make Python raise. Anything else is a bug of this program.
FILE_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, UnicodeError, MemoryError, ParseError)

_ERRNO_MESSAGES = {
    errno.ENOENT: "there is no such file or folder",
    errno.ENOTDIR: "a part of that path is a file, not a folder",
    errno.EISDIR: "it is a folder, not a file",
    errno.ELOOP: "a symbolic link, or links that lead round in a circle",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EACCES: "Permission denied",
    errno.ENOSPC: "the disk is full",
    errno.EMFILE: "too many files are open; raise the limit with `ulimit -n`",
}


class UnusableFileError(OSError):
    """A path that is no file to read or write: a FIFO, a device, a file far too large. `strerror` says which."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.strerror = reason


def describe_error(error: BaseException) -> str:
    """A message of a few words, without the file's name, which the caller puts before it."""
    described = (describe(error) for kinds, describe in _DESCRIPTIONS if isinstance(error, kinds))
    return next(described, None) or error_message(error)


def _describe_errno(error: Any) -> str:
    return _ERRNO_MESSAGES.get(error.errno or 0) or error.strerror or error_message(error)


_DAMAGED = (gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
_DESCRIPTIONS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Callable[[Any], str]], ...] = (
    (_DAMAGED, lambda error: f"the compressed data are damaged ({error_message(error)}); fetch it again"),
    (EOFError, lambda _: "the compressed file ends too early; fetch it again"),
    (OSError, _describe_errno),
    (UnicodeDecodeError, lambda error: f"not {error.encoding.upper()} text at byte {error.start}"),
    (UnicodeError, lambda _: "a text that UTF-8 cannot hold"),
    (MemoryError, lambda _: "there is not enough memory for it"),
    (RecursionError, lambda _: "brackets nested too deep"),
    (ParseError, lambda error: f"its XML is broken ({error_message(error)})"),
)


_NEARLY_FULL_BYTES = 2**24
# What Python, the dynamic loader, numpy, torch and oneDNN say when memory runs out, each by an exception of its own.
_SHORTAGES = (
    *("out of memory", "allocate memory", "start new thread", "failed to map segment", "bad_alloc"),
    "could not create a primitive",
)


def is_memory_shortage(error: BaseException | None) -> bool:
    """Whether memory ran out: a MemoryError, or another exception that says so, itself or by what it came from."""
    seen = 0
    while error is not None and seen < 20:  # a chain of causes may be long, though not of causes that matter
        says = str(error).lower()
        by_its_words = isinstance(error, RuntimeError | ImportError) and any(words in says for words in _SHORTAGES)
        if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM or by_its_words:
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False


def is_address_space_full() -> bool:
    """Whether this process has all the memory that `ulimit -v` grants: what fails then may fail by any exception."""
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    except (ImportError, OSError):  # no Linux
        return False
    return limit != resource.RLIM_INFINITY and used > limit - _NEARLY_FULL_BYTES


def describe_os_error(error: OSError) -> str:
    """`describe_error` with the file's name where the error knows it, for the command line."""
    where = f": {os.fsdecode(error.filename)[:200]}" if isinstance(error.filename, str | bytes) else ""
    return f"{describe_error(error)}{where}"
