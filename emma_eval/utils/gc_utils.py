"""Python's garbage collector, kept from searching what is no garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """For what makes millions of objects and no cycles: the collector would search them all again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()  # and back: all there is now counts as old, which the collector seldom searches
            gc.unfreeze()
            gc.enable()
