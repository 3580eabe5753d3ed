"""`python -m tests.fuzz_run` knows every target, and its table tells what was found."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.fuzz_run import ROOT, TARGETS, findings


def test_every_test_file_that_fuzzes_is_a_target() -> None:
    fuzzing = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "tests").rglob("test_*.py")
        if re.search(r"^from tests\.fuzzing import", path.read_text(encoding="utf-8"), flags=re.M)
    }
    assert fuzzing == set(TARGETS)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([(300, 0)], "none"),
        ([(300, 1)], "1"),
        ([(300, 1), (1200, 0), (600, 0)], "1, mended; none in 1,800 examples since"),
        ([(300, 1), (1200, 0), (600, 2)], "3"),
    ],
)
def test_findings_are_kept_beside_what_has_run_since(runs: list[tuple[int, int]], expected: str) -> None:
    results: list[dict[str, Any]] = [{"examples": examples, "findings": found} for examples, found in runs]
    assert findings(results) == expected
