"""How the number of requests under way follows the server, step by step."""

from __future__ import annotations

import asyncio

from emma_eval.servers.concurrency import FIRST_LIMIT, AdaptiveLimit


async def full(limit: AdaptiveLimit) -> list[int]:
    """Take every place that there is."""
    return [await limit.acquire() for _ in range(limit.limit)]


def test_before_the_first_overload_a_round_of_answers_doubles_the_limit() -> None:
    async def check() -> None:
        limit = AdaptiveLimit(100)
        assert limit.limit == FIRST_LIMIT
        places = await full(limit)
        for _ in range(FIRST_LIMIT):
            limit.release(places.pop(), "answered")
            places += [await limit.acquire() for _ in range(limit.limit - len(places))]  # the queue is long
        assert limit.limit == 2 * FIRST_LIMIT

    asyncio.run(check())


def test_an_overload_halves_the_limit_a_burst_of_them_once() -> None:
    async def check() -> None:
        limit = AdaptiveLimit(100)
        places = await full(limit)
        for place in places:  # all began before the first overload was known
            limit.release(place, "overloaded")
        assert limit.limit == FIRST_LIMIT // 2
        limit.release(await limit.acquire(), "overloaded")
        assert limit.limit == FIRST_LIMIT // 4

    asyncio.run(check())


def test_after_an_overload_a_round_of_answers_adds_one() -> None:
    async def check() -> None:
        limit = AdaptiveLimit(100)
        limit.release(await limit.acquire(), "overloaded")
        places = await full(limit)
        assert len(places) == 2
        limits = []
        for _ in range(3):  # 2 + 1/2 + 1/2.5 + 1/2.9
            limit.release(places.pop(0), "answered")
            limits.append(limit.limit)
            while len(places) < limit.limit:
                places.append(await limit.acquire())
        assert limits == [2, 2, 3]

    asyncio.run(check())


def test_the_limit_stays_between_one_and_the_ceiling() -> None:
    async def check() -> None:
        limit = AdaptiveLimit(2)
        for _ in range(5):
            limit.release(await limit.acquire(), "overloaded")
        assert limit.limit == 1
        for _ in range(20):
            limit.release(await limit.acquire(), "answered")
        assert limit.limit == 2
        assert limit.peak == 1

    asyncio.run(check())


def test_a_limit_that_is_not_reached_does_not_grow() -> None:
    async def check() -> None:
        limit = AdaptiveLimit(100)
        for _ in range(20):
            limit.release(await limit.acquire(), "answered")
        assert limit.limit == FIRST_LIMIT

    asyncio.run(check())
