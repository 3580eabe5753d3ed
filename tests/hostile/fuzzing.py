"""How long a fuzz test runs: a few dozen examples, or as many as fit in EMMA_FUZZ_SECONDS."""

import os
import time
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy

SECONDS = float(os.environ.get("EMMA_FUZZ_SECONDS", "0"))
EXAMPLES = 60


def fuzzed(strategy: SearchStrategy[Any]) -> Callable[[Callable[[Any], None]], Callable[[], None]]:
    """A test of one argument over examples of the strategy."""

    def decorate(test: Callable[[Any], None]) -> Callable[[], None]:
        quiet = settings(
            max_examples=500 if SECONDS else EXAMPLES,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )

        def repeated() -> None:
            end = time.monotonic() + SECONDS
            quiet(given(strategy)(test))()
            while time.monotonic() < end:
                quiet(given(strategy)(test))()

        repeated.__name__ = test.__name__
        repeated.__doc__ = test.__doc__
        return repeated

    return decorate
