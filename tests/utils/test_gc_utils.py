"""The garbage collector is as before once a block ends, and what the block made is still collected."""

from __future__ import annotations

import gc
import weakref

import pytest

from emma_eval.utils.gc_utils import gc_frozen


class Circle:
    """An object that refers to itself: only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


def test_objects_from_before_are_left_alone_and_later_ones_are_collected():
    earlier = weakref.ref(Circle())
    with gc_frozen():
        later = weakref.ref(Circle())
        gc.collect()
        assert earlier() is not None
        assert later() is None
    gc.collect()
    assert earlier() is None
    assert gc.get_freeze_count() == 0


def test_an_inner_block_does_not_end_the_outer_one():
    with gc_frozen():
        with gc_frozen():
            pass
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_an_error_thaws():
    with pytest.raises(ValueError, match="oops"), gc_frozen():
        raise ValueError("oops")
    assert gc.get_freeze_count() == 0
