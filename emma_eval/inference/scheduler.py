"""Requests to batches: one queue for all tasks, the longest requests first, those about the same image side by side.

Rows of similar length need little padding; with the longest first, memory runs out early rather than late. Requests
about the same image are packed into one row where the model can, so that what they share is computed once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

from emma_eval.errors import SampleError
from emma_eval.models.base import Model, PackedRow, TokenizedRequest
from emma_eval.types import Failure, ImageSource, Request

ROW_MULTIPLE = 8  # large batches hold a multiple of so many rows: fewer shapes for a GPU to prepare for
MAX_ROW_TOKENS = 4096  # of a row that several requests share: its attention mask grows with the square
TOKENIZE_WINDOW = 512  # requests that are tokenized at a time
READ_AHEAD = 4 * TOKENIZE_WINDOW  # requests that may wait: the more there are, the more alike are a batch's rows


@dataclass(frozen=True, slots=True, eq=False)
class PendingRequest:
    """A tokenized request that has no answer yet."""

    index: int  # among all requests
    request: Request
    prompt: TokenizedRequest
    seconds: float  # spent tokenizing it


@dataclass(frozen=True, slots=True, eq=False)
class BatchRow:
    """A row of a batch, with the requests that it answers, in the order of the row's `indices`."""

    row: PackedRow
    requests: tuple[PendingRequest, ...]

    @property
    def images(self) -> list[ImageSource]:
        """The distinct images of its requests."""
        return list(dict.fromkeys(image for pending in self.requests for image in pending.request.images))

    @property
    def num_tokens(self) -> int:
        """Tokens that are computed for the row."""
        return self.row.num_tokens

    @property
    def num_slots(self) -> int:
        """Places that it takes in the KV cache: its tokens and the cached prefix before them."""
        return len(self.row.prefix) + self.row.num_tokens


Batch = list[BatchRow]
WaitingRow = tuple[int, BatchRow]  # with the tokens of its group's longest row


@dataclass(slots=True)
class BatchBudget:
    """How much a batch may hold."""

    max_tokens: int  # cache slots of all rows, padding included
    max_requests: int | None  # None: as many as the tokens allow

    def halve(self, batch: Sequence[BatchRow]) -> None:
        """Allow half of what this batch holds, unless less is allowed already."""
        self.max_tokens = max(1, min(self.max_tokens, len(batch) * max(row.num_slots for row in batch) // 2))

    def fit(self, waiting: Sequence[BatchRow]) -> int:
        """How many of these rows, the longest first, make a batch: at least one."""
        count, requests, longest = 0, 0, 0
        for row in waiting:
            longest = max(longest, row.num_slots)
            requests += len(row.requests)
            over_tokens = (count + 1) * longest > self.max_tokens
            over_requests = self.max_requests is not None and requests > self.max_requests
            if count and (over_tokens or over_requests):
                return count - count % ROW_MULTIPLE if count >= 8 * ROW_MULTIPLE else count
            count += 1
        return count


def padded_tokens(batch: Batch) -> int:
    """Tokens that are computed for a batch, every row padded to the longest."""
    return len(batch) * max(row.num_tokens for row in batch)


@dataclass
class Scheduler:
    """Iterates over batches, made as they are asked for, within a budget that may shrink meanwhile."""

    model: Model
    requests: Sequence[Request]
    budget: BatchBudget
    sharing: bool = True  # whether requests may share a row, and a cached prefix
    prefix: tuple[int, ...] | None = field(default=None, init=False)  # ids; known once the first window is tokenized

    def __iter__(self) -> Iterator[Batch | tuple[int, Failure]]:
        """Batches, and (index, Failure) of requests that cannot be tokenized; every request is in one of them."""
        waiting: list[WaitingRow] = []
        for window in self._windows():
            groups = []
            for indices in window:
                outcomes = [self._tokenize(index) for index in indices]
                yield from (outcome for outcome in outcomes if not isinstance(outcome, PendingRequest))
                groups.append([outcome for outcome in outcomes if isinstance(outcome, PendingRequest)])
            waiting += self._rows_of_window(groups)
            waiting.sort(key=itemgetter(0), reverse=True)  # stable: the rows of a group stay side by side
            yield from self._full_batches(waiting)
        while waiting:
            yield self._next_batch(waiting)

    def _windows(self) -> Iterator[list[list[int]]]:
        """Groups of request indices, a group on the same images, the longest first; some hundred requests at a time."""
        groups: dict[object, list[int]] = {}
        for index, request in enumerate(self.requests):
            groups.setdefault(request.images or index, []).append(index)
        window: list[list[int]] = []
        size = 0
        for indices in sorted(groups.values(), key=self._length, reverse=True):
            window.append(indices)
            size += len(indices)
            if size >= TOKENIZE_WINDOW:
                yield window
                window, size = [], 0
        yield window

    def _length(self, indices: Sequence[int]) -> tuple[int, int]:
        """Orders groups before they are tokenized: an image is longer than any text."""
        return len(self.requests[indices[0]].images), max(len(self.requests[index].message) for index in indices)

    def _tokenize(self, index: int) -> PendingRequest | tuple[int, Failure]:
        request, start = self.requests[index], time.perf_counter()
        try:
            prompt = self.model.tokenize(request)
        except SampleError as error:
            rendered = request.prompt(self.model.render_prompt)
            return index, Failure(str(error), rendered, time.perf_counter() - start)
        return PendingRequest(index, request, prompt, time.perf_counter() - start)

    def _rows_of_window(self, groups: Sequence[Sequence[PendingRequest]]) -> Iterator[WaitingRow]:
        """The rows of each group, the longest first."""
        if self.prefix is None:
            prompts = [pending.prompt for group in groups for pending in group]
            self.prefix = self.model.shared_prefix(prompts) if self.sharing else ()
        for group in filter(None, groups):
            rows = sorted(self._rows(group), key=lambda row: row.num_tokens, reverse=True)
            yield from ((rows[0].num_tokens, row) for row in rows)

    def _rows(self, group: Sequence[PendingRequest]) -> Iterator[BatchRow]:
        """The rows of requests on the same images. A row that is too long for a batch is split."""
        limit = (self.budget.max_requests or len(group)) if self.sharing else 1
        for start in range(0, len(group), limit):
            for row in group_rows(self.model, group[start : start + limit], self.prefix or ()):
                if row.num_slots > min(self.budget.max_tokens, MAX_ROW_TOKENS) and len(row.requests) > 1:
                    for half in halves(row.requests):
                        yield from self._rows(half)
                else:
                    yield row

    def _full_batches(self, waiting: list[WaitingRow]) -> Iterator[Batch]:
        """Take batches off `waiting` while more rows wait than one may hold: one, and more down to READ_AHEAD."""
        is_first = True
        while (is_first or _num_requests(waiting) > READ_AHEAD) and self._fit(waiting) < len(waiting):
            yield self._next_batch(waiting)
            is_first = False

    def _next_batch(self, waiting: list[WaitingRow]) -> Batch:
        count = self._fit(waiting)
        batch = [row for _, row in waiting[:count]]
        del waiting[:count]
        return batch

    def _fit(self, waiting: Sequence[WaitingRow]) -> int:
        return self.budget.fit([row for _, row in waiting])


def _num_requests(waiting: Sequence[WaitingRow]) -> int:
    return sum(len(row.requests) for _, row in waiting)


def group_rows(model: Model, requests: Sequence[PendingRequest], prefix: Sequence[int]) -> Batch:
    """The rows that the model packs requests into, after a cached prefix."""
    rows = model.collate([pending.prompt for pending in requests], tuple(prefix))
    return [BatchRow(row, tuple(requests[index] for index in row.indices)) for row in rows]


def halves(requests: Sequence[PendingRequest]) -> tuple[Sequence[PendingRequest], Sequence[PendingRequest]]:
    """The first and the second half."""
    middle = len(requests) // 2
    return requests[:middle], requests[middle:]
