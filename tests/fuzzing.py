"""Fuzz tests: bounded by the number of examples, or, for a longer look, by EMMA_FUZZ_SECONDS for each of them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

SECONDS = float(os.environ.get("EMMA_FUZZ_SECONDS", "0"))
EXAMPLES = 300

quietly = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None, print_blob=True
)


def for_a_while(fuzz: Callable[[], Any]) -> None:
    """Call a hypothesis test once; again and again, with other examples each time, for EMMA_FUZZ_SECONDS."""
    end = time.monotonic() + SECONDS
    fuzz()
    while time.monotonic() < end:
        fuzz()


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
