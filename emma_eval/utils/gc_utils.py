"""Python's garbage collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pause it while millions of objects without cycles are created: it would traverse them all again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()  # and back: all objects are now of the oldest generation, which is seldom traversed
            gc.unfreeze()
            gc.enable()


@contextmanager
def gc_frozen() -> Iterator[None]:
    """Keep it from traversing what exists already, which is there to stay, while the block runs.

    A full collection takes a tenth of a second where torch and transformers are loaded.
    """
    is_outermost = not gc.get_freeze_count()
    gc.freeze()
    try:
        yield
    finally:
        if is_outermost:
            gc.unfreeze()
