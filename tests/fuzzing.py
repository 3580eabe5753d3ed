"""Fuzz tests: EXAMPLES examples each, or as many as fit into EMMA_FUZZ_SECONDS for each target.

A target is a test file: of answer files, task files, records, configurations, data files. Its tests share the seconds.
Examples are generated from a seed, so tests are deterministic; EMMA_FUZZ_SEED (default 0) gives other examples.
`python -m tests.fuzz_run` fuzzes all targets, counts their examples by the file that EMMA_FUZZ_COUNTS names, and writes
a table.
"""

from __future__ import annotations

import functools
import json
import os
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

SECONDS = float(os.environ.get("EMMA_FUZZ_SECONDS", "0"))
COUNTS = os.environ.get("EMMA_FUZZ_COUNTS", "")
SEED = int(os.environ.get("EMMA_FUZZ_SEED", "0"))
EXAMPLES = 300

fuzz_settings = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None, print_blob=True
)


def run_fuzz(fuzz: Callable[[], Any], tests: int = 1) -> None:
    """Call a hypothesis test once, then repeat it with other examples until its share of the seconds is used up.

    `tests`: the number of tests of its target.
    """
    began, computed = time.monotonic(), time.process_time()
    examples = _counted(fuzz)
    try:
        for example_seed in count(SEED):
            seed(example_seed)(fuzz)()
            if time.monotonic() >= began + SECONDS / tests:
                return
    finally:
        if COUNTS:
            seconds = {"seconds": time.monotonic() - began, "cpu_seconds": time.process_time() - computed}
            found = {**seconds, "examples": examples[0], "seeds": [SEED, example_seed]}
            with Path(COUNTS).open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps(found)}\n")


def _counted(fuzz: Any) -> list[int]:
    """The number of examples that the test is given, as it grows."""
    examples, test = [0], fuzz.hypothesis.inner_test

    @functools.wraps(test)
    def counted(*args: Any, **kwargs: Any) -> Any:
        examples[0] += 1
        return test(*args, **kwargs)

    fuzz.hypothesis.inner_test = counted
    return examples


def fuzz_test(
    strategy: st.SearchStrategy[Any], tests: int = 1
) -> Callable[[Callable[[Any], None]], Callable[[], None]]:
    """Decorate a test of one argument, which is called by `run_fuzz` with examples of the strategy."""

    def decorate(test: Callable[[Any], None]) -> Callable[[], None]:
        def repeated() -> None:
            run_fuzz(fuzz_settings(given(strategy)(test)), tests)

        repeated.__name__, repeated.__doc__ = test.__name__, test.__doc__
        return repeated

    return decorate


ODD_VALUES = st.sampled_from(
    [None, True, False, 0, -1, 1, 2, 3, 1.5, -0.0, 1e308, float("inf"), float("nan"), 10**19, 10**400, "", "0",
     "\ud800", "\0", "a" * 300, "../x", "~nobody-at-all", [], [None], {}, [[[]]], {"": {}}]
)  # fmt: skip
JSON_VALUES = st.recursive(
    ODD_VALUES | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def as_json(value: Any) -> str:
    """JSON as Python writes it: with Infinity and NaN, and lone surrogates as escapes."""
    return json.dumps(value)
