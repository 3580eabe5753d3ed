"""The suite `mini`: the small world in the official file formats of eight benchmarks, laid out like a data root.

It is written at its first use and kept, so that the real readers, prompts and scorers have something to run on.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from emma_eval.mini.suite import gqa, mmbench, mme, pope, scienceqa, seed, vizwiz, vqav2
from emma_eval.mini.suite.folder import publish
from emma_eval.utils.cache import cache_folder

VERSION = 1  # raised whenever another question or image would be written
WRITERS = (vqav2, gqa, vizwiz, scienceqa, mmbench, mme, seed, pope)


def suite_folder() -> Path:
    """The suite's folder below the cache, written first where it is missing, incomplete or damaged.

    Raises UserError when it cannot be written.
    """
    return _looked_through(cache_folder() / f"mini-suite-v{VERSION}")


@cache
def _looked_through(folder: Path) -> Path:
    """The checksums of thousands of files are taken once a process."""
    return publish(folder, _write_with_a_word)


def write_suite(root: Path) -> None:
    """Write all eight benchmarks below `root`."""
    for writer in WRITERS:
        writer.write(root)


def _write_with_a_word(root: Path) -> None:
    print(f"writing the suite mini to {cache_folder()} (once, some seconds)", file=sys.stderr, flush=True)
    write_suite(root)
