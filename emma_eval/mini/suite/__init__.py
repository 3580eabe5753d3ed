"""The suite `mini`: questions about the synthetic world in the official file formats of eight benchmarks.

The folder has the layout of a data root, so the real readers, prompts and scorers run on it. It is written at its
first use and kept in the cache.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from emma_eval.mini.suite import gqa, mmbench, mme, pope, scienceqa, seed, vizwiz, vqav2
from emma_eval.mini.suite.folder import publish
from emma_eval.utils.cache import cache_folder
from emma_eval.utils.terminal import print_message

VERSION = 2  # raise it whenever a question or an image changes
WRITERS = (vqav2, gqa, vizwiz, scienceqa, mmbench, mme, seed, pope)


def suite_folder() -> Path:
    """The suite's folder in the cache, written if it is missing, incomplete or damaged.

    Raises UserError if it cannot be written.
    """
    return _verified_folder(cache_folder() / f"mini-suite-v{VERSION}")


@cache
def _verified_folder(folder: Path) -> Path:
    """Cached, because verifying hashes thousands of files: once a process is enough."""
    return publish(folder, _write_with_notice)


def write_suite(root: Path) -> None:
    """Write all eight benchmarks below `root`."""
    for writer in WRITERS:
        writer.write(root)


def _write_with_notice(root: Path) -> None:
    print_message(f"writing the suite mini to {cache_folder()} (once, some seconds)")
    write_suite(root)
