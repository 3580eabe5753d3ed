"""Many jobs at once, of one chat request or several: an event loop in a thread, its outcomes as a plain generator."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

from emma_eval.errors import SampleError
from emma_eval.servers.client import ServerClient

JobT = TypeVar("JobT")
ResultT = TypeVar("ResultT")
Item = tuple[int, ResultT | SampleError] | BaseException | None  # None: the end

LAST_SECONDS = 20.0  # what is under way when the run has to end may take so long


def ask_all(
    client: ServerClient,
    jobs: Sequence[JobT],
    ask: Callable[[ServerClient, JobT], Awaitable[ResultT]],
) -> Generator[tuple[int, ResultT | SampleError]]:
    """Yield (index of the job, its result or why there is none) once for every job, as soon as it is known.

    The client is entered and left here, once. `ask` does a job when its turn comes; it may raise SampleError. Raises
    UserError as `ServerClient.chat` does, after all outcomes that were known by then. Closing the generator ends what
    is under way.
    """
    outcomes: SimpleQueue[Item[ResultT]] = SimpleQueue()
    loop = asyncio.new_event_loop()
    work = loop.create_task(_ask(client, jobs, ask, outcomes))

    def run() -> None:
        try:
            loop.run_until_complete(work)
            outcomes.put(None)
        except BaseException as error:  # to be raised where the outcomes are read
            outcomes.put(error)
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    thread = Thread(target=run, name="server-client", daemon=True)
    thread.start()
    try:
        while (item := outcomes.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        with contextlib.suppress(RuntimeError):  # the loop has closed by itself
            loop.call_soon_threadsafe(work.cancel)
        thread.join()


async def _ask(
    client: ServerClient,
    jobs: Sequence[JobT],
    ask: Callable[[ServerClient, JobT], Awaitable[ResultT]],
    outcomes: SimpleQueue[Item[ResultT]],
) -> None:
    """Ask all jobs by as many workers as requests may be under way. Raises the first error that is not a job's own."""
    queue = iter(enumerate(jobs))
    async with client:
        count = min(client.policy.concurrency, len(jobs))
        workers = [asyncio.create_task(_work(client, queue, ask, outcomes)) for _ in range(count)]
        try:
            await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
            error = next((error for worker in workers if worker.done() and (error := worker.exception())), None)
            if error is not None:
                await client.limit.close(LAST_SECONDS)  # what is under way may yet be answered, nothing is begun
                raise error
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


async def _work(
    client: ServerClient,
    queue: Iterator[tuple[int, JobT]],
    ask: Callable[[ServerClient, JobT], Awaitable[ResultT]],
    outcomes: SimpleQueue[Item[ResultT]],
) -> None:
    for index, job in queue:
        try:
            outcomes.put((index, await ask(client, job)))
        except SampleError as error:
            outcomes.put((index, error))
