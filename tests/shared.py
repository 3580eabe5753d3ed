"""The reference files beside the checkout, in `../shared`: where they are, and what is skipped without them.

EMMA_SHARED_DIR names another folder for all of them; EMMA_PARITY_DIR, EMMA_GOLDEN_DIR and EMMA_CASES_DIR name other
folders for `parity`, `golden` and `cases` alone.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

WANT = "for want of ../shared"  # in the reason of every such skip; the summary counts the skips by it


def shared(path: str) -> Path:
    """The file or folder at `path` (`golden/vqav2`), whether it exists or not."""
    first, _, rest = path.partition("/")
    root = Path(os.environ.get("EMMA_SHARED_DIR") or Path(__file__).parents[2] / "shared")
    folder = os.environ.get(f"EMMA_{first.upper()}_DIR")
    return (Path(folder) if folder else root / first) / rest


def reason(path: str) -> str:
    """Why a test that needs `path` is skipped."""
    return f"{WANT}: there is no {shared(path)}"


def needs_shared(path: str) -> pytest.MarkDecorator:
    """Skip the test where `path` does not exist."""
    return pytest.mark.skipif(not shared(path).exists(), reason=reason(path))
