"""Which requests a shard asks: whole groups on the same images, dealt out so that all shards have about as many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from heapq import heapify, heapreplace

from emma_eval.runs.plan import TaskPlan
from emma_eval.runs.settings import Shard
from emma_eval.types import Request


def share_of(plans: Sequence[TaskPlan], shard: Shard) -> list[TaskPlan]:
    """The plans with this shard's requests alone, and with their number among the facts.

    Every request is in one shard. Which one depends on the requests and their images alone, so the shards' commands may
    run on different machines.
    """
    loads = [(0, number) for number in range(1, shard.of + 1)]  # requests dealt out to each shard until now
    heapify(loads)
    shares = []
    for plan in plans:
        kept: set[object] = set()
        for images, size in _group_sizes(plan.requests).items():
            load, number = loads[0]
            heapreplace(loads, (load + size, number))
            if number == shard.number:
                kept.add(images)
        requests = tuple(one for index, one in enumerate(plan.requests) if _group(index, one) in kept)
        facts = plan.facts.model_copy(update={"shard_requests": len(requests)})
        shares.append(replace(plan, requests=requests, facts=facts))
    return shares


def _group_sizes(requests: Sequence[Request]) -> dict[object, int]:
    """The number of requests on the same images, in the order of the first."""
    sizes: dict[object, int] = {}
    for index, request in enumerate(requests):
        group = _group(index, request)
        sizes[group] = sizes.get(group, 0) + 1
    return sizes


def _group(index: int, request: Request) -> object:
    return request.images or index
