"""The user's cache folder, and digests of large files kept in it."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.utils.files import read_text, sha256_of_file, write_atomic
from emma_eval.utils.terminal import print_message

CACHE_ABOVE_BYTES = 256 * 2**20  # a smaller file is hashed in less than a second


def cache_folder() -> Path:
    """EMMA_CACHE, else emma-eval in the user's cache folder (XDG_CACHE_HOME, else ~/.cache).

    Raises UserError where there is no home folder either.
    """
    if chosen := os.environ.get("EMMA_CACHE"):
        return Path(chosen)
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return Path(chosen) / "emma-eval"
    try:
        return Path.home() / ".cache" / "emma-eval"
    except RuntimeError as error:  # no HOME, and the user is in no list of users
        raise UserError("there is no home folder to keep a cache in; name a folder in EMMA_CACHE") from error


def cached_sha256(path: Path) -> str:
    """The hex SHA-256 of a file. That of a large file is kept in the cache as long as the file is unchanged.

    Unchanged means: the same path, inode, size, modification time and ctime, which no copy and no `touch` can set back.
    """
    status = path.stat()
    if status.st_size < CACHE_ABOVE_BYTES:
        return sha256_of_file(path)
    identity = (path.resolve(), status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    try:
        record = cache_folder() / "sha256" / hashlib.sha256(repr(identity).encode()).hexdigest()
    except UserError:  # no cache folder: it is computed each time
        return sha256_of_file(path)
    with suppress(UserError):
        digest = read_text(record, 1000)
        if re.fullmatch("[0-9a-f]{64}", digest):
            return digest
    print_message(f"hashing {path} ({status.st_size / 2**30:.1f} GiB, once)")
    digest = sha256_of_file(path)
    with suppress(OSError):
        record.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(record, digest)
    return digest
