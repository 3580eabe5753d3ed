"""Work that runs ahead of the device, in threads: the next batches are planned and their images decoded meanwhile.

Threads are enough: Pillow lets others run while it decodes and resizes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
END = object()


def ahead(source: Iterator[T], thread: Executor, depth: int) -> Iterator[T]:
    """The items of `source`, of which up to `depth` are made ahead. `thread` must be a single one."""
    coming = deque(thread.submit(next, source, END) for _ in range(depth))
    while (item := coming.popleft().result()) is not END:
        coming.append(thread.submit(next, source, END))
        yield item  # type: ignore[misc]  # END is none of them


@contextmanager
def threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """A pool whose pending work is dropped when the block is left early."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
