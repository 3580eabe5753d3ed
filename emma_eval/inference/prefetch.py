"""Work that runs ahead of the device, in threads: the next batches are scheduled and their images decoded meanwhile.

Threads suffice: Pillow releases the interpreter while it decodes and resizes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
_END = object()


def prefetch(source: Iterator[T], worker: Executor, depth: int) -> Iterator[T]:
    """The items of `source`, of which up to `depth` are made ahead. `worker` must have a single thread."""
    pending = deque(worker.submit(next, source, _END) for _ in range(depth))
    while (item := pending.popleft().result()) is not _END:
        pending.append(worker.submit(next, source, _END))
        yield item  # type: ignore[misc]  # never _END


@contextmanager
def worker_threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """A thread pool whose pending work is dropped when the block is left early."""
    pool = ThreadPoolExecutor(count)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
