"""Requests into batches: one queue for all tasks, the longest first, what shares an image side by side.

Rows of similar length pad little; with the longest first, memory runs out early rather than late. Requests about the
same image are read together, so that the model can compute once what they share.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from emma_eval.errors import SampleError
from emma_eval.models.base import Model, PackedRow, TokenizedRequest
from emma_eval.types import ImageSource, Request

ROWS_AT_A_TIME = 8  # large batches hold a multiple of so many rows: fewer shapes for a GPU to prepare for
LONGEST_ROW = 4096  # tokens that many requests share: what each may see of the others grows with the square
WINDOW = 512  # requests that are tokenised at a time


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A request on its way through the model."""

    number: int  # its place among all requests
    request: Request
    prompt: TokenizedRequest
    seconds: float  # spent tokenising it


@dataclass(frozen=True, slots=True, eq=False)
class Lot:
    """A row of a batch, with the jobs that it answers."""

    row: PackedRow
    jobs: tuple[Job, ...]

    @property
    def images(self) -> list[ImageSource]:
        """The distinct images that the row shows."""
        return list(dict.fromkeys(image for job in self.jobs for image in job.request.images))


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that cannot be asked."""

    number: int
    request: Request
    reason: str
    seconds: float


Batch = tuple[Lot, ...]


@dataclass(slots=True)
class Budget:
    """How much a batch may hold."""

    tokens: int  # padding included, and what was read before: it takes memory in every row
    requests: int | None  # None: as many as the tokens allow

    def halve(self, batch: Sequence[Lot]) -> None:
        """Make do with half of what the batch holds."""
        self.tokens = max(1, min(self.tokens, len(batch) * max(map(_slots, batch)) // 2))

    def take(self, waiting: Sequence[Lot]) -> int:
        """How many of these, the longest first, make a batch: at least one."""
        count, requests, longest = 0, 0, 0
        for lot in waiting:
            longest = max(longest, _slots(lot))
            requests += len(lot.jobs)
            full = (count + 1) * longest > self.tokens or (self.requests is not None and requests > self.requests)
            if count and full:
                return count - count % ROWS_AT_A_TIME if count >= 8 * ROWS_AT_A_TIME else count
            count += 1
        return count


def padded(batch: Sequence[Lot]) -> int:
    """Tokens of a batch when every row is as long as the longest."""
    return len(batch) * max(lot.row.num_tokens for lot in batch)


@dataclass
class Planner:
    """Makes batches of requests as they are asked for, within a budget that may shrink meanwhile."""

    model: Model
    requests: Sequence[Request]
    budget: Budget
    sharing: bool = True  # whether prompts may share what they have in common
    prefix: tuple[int, ...] | None = field(default=None, init=False)  # known once the first window is read

    def __iter__(self) -> Iterator[Batch | Failure]:
        """Batches, and failures as they show; every request is in one of them."""
        waiting: list[Lot] = []
        for window in self._windows():
            groups: list[list[Job]] = []
            for numbers in window:
                read = [self._read(number) for number in numbers]
                yield from (one for one in read if isinstance(one, Failure))
                groups.append([one for one in read if isinstance(one, Job)])
            if self.prefix is None:
                prompts = [job.prompt for jobs in groups for job in jobs]
                self.prefix = self.model.shared_prefix(prompts) if self.sharing else ()
            lots = [sorted(self._lots(jobs), key=_tokens, reverse=True) for jobs in groups if jobs]
            lots.sort(key=lambda of_one_image: of_one_image[0].row.num_tokens, reverse=True)
            waiting += [lot for of_one_image in lots for lot in of_one_image]
            while (count := self.budget.take(waiting)) < len(waiting):
                yield tuple(waiting[:count])
                del waiting[:count]
        while waiting:
            count = self.budget.take(waiting)
            yield tuple(waiting[:count])
            del waiting[:count]

    def _windows(self) -> Iterator[list[list[int]]]:
        """Numbers of requests, those on the same images together, the longest first, some hundred at a time."""
        together: dict[object, list[int]] = {}
        for number, request in enumerate(self.requests):
            together.setdefault(request.images or number, []).append(number)
        window: list[list[int]] = []
        size = 0
        for numbers in sorted(together.values(), key=self._length, reverse=True):
            window.append(numbers)
            size += len(numbers)
            if size >= WINDOW:
                yield window
                window, size = [], 0
        yield window

    def _length(self, numbers: Sequence[int]) -> tuple[int, int]:
        """What orders requests before they are tokenised: images weigh more than any text."""
        return len(self.requests[numbers[0]].images), max(len(self.requests[number].message) for number in numbers)

    def _read(self, number: int) -> Job | Failure:
        request, start = self.requests[number], time.perf_counter()
        try:
            prompt = self.model.tokenize(request)
        except SampleError as error:
            return Failure(number, request, str(error), time.perf_counter() - start)
        return Job(number, request, prompt, time.perf_counter() - start)

    def _lots(self, jobs: Sequence[Job]) -> Iterator[Lot]:
        """The rows of jobs on the same images. A row too long for a batch is read in halves."""
        limit = (self.budget.requests or len(jobs)) if self.sharing else 1
        for start in range(0, len(jobs), limit):
            for lot in weave(self.model, jobs[start : start + limit], self.prefix or ()):
                if _slots(lot) > min(self.budget.tokens, LONGEST_ROW) and len(lot.jobs) > 1:
                    for half in halves(lot.jobs):
                        yield from self._lots(half)
                else:
                    yield lot


def weave(model: Model, jobs: Sequence[Job], prefix: Sequence[int]) -> list[Lot]:
    """The rows of jobs."""
    rows = model.collate([job.prompt for job in jobs], tuple(prefix))
    return [Lot(row, tuple(jobs[member] for member in row.indices)) for row in rows]


def halves(jobs: Sequence[Job]) -> tuple[Sequence[Job], Sequence[Job]]:
    """The first and the second half."""
    middle = len(jobs) // 2
    return jobs[:middle], jobs[middle:]


def _tokens(lot: Lot) -> int:
    return lot.row.num_tokens


def _slots(lot: Lot) -> int:
    return len(lot.row.prefix) + lot.row.num_tokens
