"""Where the golden score vectors are: EMMA_GOLDEN_DIR, or `../shared/golden` beside the project.

Without the variable and without the default folder everything here is skipped, with the reason. Where a golden set is
there, a folder of a supported benchmark that is missing or empty is a failure.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

DEFAULT = Path(__file__).parents[2].parent / "shared" / "golden"


@pytest.fixture(scope="session")
def golden() -> Callable[[str], Path]:
    """golden("vqav2") is that folder, checked to hold files."""
    chosen = os.environ.get("EMMA_GOLDEN_DIR")
    root = Path(chosen) if chosen else DEFAULT
    if not chosen and not root.is_dir():
        pytest.skip(f"no golden score vectors at {root}; set EMMA_GOLDEN_DIR to their folder")

    def folder(name: str) -> Path:
        path = root / name
        if not path.is_dir() or not any(path.iterdir()):
            pytest.fail(f"the golden folder {path} is missing or empty")
        return path

    return folder
