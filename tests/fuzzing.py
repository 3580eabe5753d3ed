"""Fuzz tests: bounded by the number of examples, or, for a longer look, by EMMA_FUZZ_SECONDS for each target.

A target is what is fed: answer files, task files, records, configurations, data files. Its tests share the seconds.
Examples follow from a seed, so that what passed once passes again; EMMA_FUZZ_SEED (0) brings others.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from itertools import count
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

SECONDS = float(os.environ.get("EMMA_FUZZ_SECONDS", "0"))
SEED = int(os.environ.get("EMMA_FUZZ_SEED", "0"))
EXAMPLES = 300

quietly = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None, print_blob=True
)


def for_a_while(fuzz: Callable[[], Any], tests: int = 1) -> None:
    """Call a hypothesis test once; again and again, with other examples each time, for its share of the seconds.

    `tests`: how many of them the target has.
    """
    end = time.monotonic() + SECONDS / tests
    for number in count(SEED):
        seed(number)(fuzz)()
        if time.monotonic() >= end:
            return


def fuzzed(strategy: st.SearchStrategy[Any], tests: int = 1) -> Callable[[Callable[[Any], None]], Callable[[], None]]:
    """A test of one argument over examples of the strategy, for a while."""

    def decorate(test: Callable[[Any], None]) -> Callable[[], None]:
        def repeated() -> None:
            for_a_while(quietly(given(strategy)(test)), tests)

        repeated.__name__, repeated.__doc__ = test.__name__, test.__doc__
        return repeated

    return decorate


ODD = st.sampled_from(
    [None, True, False, 0, -1, 1, 2, 3, 1.5, -0.0, 1e308, float("inf"), float("nan"), 10**19, 10**400, "", "0",
     "\ud800", "\0", "a" * 300, "../x", "~nobody-at-all", [], [None], {}, [[[]]], {"": {}}]
)  # fmt: skip
JSON = st.recursive(
    ODD | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def as_json(value: Any) -> str:
    """With Infinity and NaN, and half surrogate pairs as escapes, as Python writes them."""
    return json.dumps(value)
