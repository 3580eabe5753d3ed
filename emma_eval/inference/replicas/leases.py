"""Which requests a replica answers next: leases by whole images, smaller toward the end so that all finish together.

Requests about one image stay together, for an engine computes what they share once. A lease costs a replica something:
it plans, starts threads, and its last batches are small. So leases are large while much is left.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from math import ceil

from emma_eval.types import Request

MAX_LEASE = 1024  # requests
MIN_LEASE = 64  # smaller ones cost more than they even out
SHARE = 1.5  # a lease is what is left, divided by so many times the replicas

Groups = list[list[int]]  # indices of requests; a group is about the same images


def image_groups(requests: Sequence[Request]) -> Groups:
    """Indices of requests about the same images, the longest first; a request without images is a group of its own."""
    groups: dict[object, list[int]] = {}
    for index, request in enumerate(requests):
        groups.setdefault(request.images or index, []).append(index)

    def length(indices: Sequence[int]) -> tuple[int, int]:
        return len(requests[indices[0]].images), max(len(requests[index].message) for index in indices)

    return sorted(groups.values(), key=length, reverse=True)


class LeasePlanner:
    """Hands out every request once, and again those that are given back."""

    def __init__(self, requests: Sequence[Request], replicas: int) -> None:
        self._groups = deque(image_groups(requests))
        self._left = len(requests)
        self._replicas = replicas
        self._least = min(MIN_LEASE, ceil(len(requests) / replicas))  # of a small run every replica has its part

    def take(self) -> Groups:
        """The next lease; empty when nothing is left. A group is never divided, however large it is."""
        size = min(MAX_LEASE, max(self._least, round(self._left / (SHARE * self._replicas))))
        lease: Groups = []
        taken = 0
        while self._groups and (not lease or taken + len(self._groups[0]) <= size):
            lease.append(self._groups.popleft())
            taken += len(lease[-1])
        self._left -= taken
        return lease

    def give_back(self, groups: Iterable[Sequence[int]]) -> None:
        """Take back what was not answered; it is handed out next."""
        kept = [list(group) for group in groups if group]
        self._groups.extendleft(reversed(kept))
        self._left += sum(map(len, kept))
