"""The cache keeps the values used last and computes what is missing in one call."""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.utils.lru_cache import LRUCache


def test_distinct_missing_keys_are_computed_at_once_and_the_oldest_are_forgotten() -> None:
    calls: list[tuple[int, ...]] = []

    def squares(keys: Sequence[int]) -> list[int]:
        calls.append(tuple(keys))
        return [key * key for key in keys]

    cache: LRUCache[int, int] = LRUCache(2)
    assert cache.get_or_compute([1, 2, 1], squares) == {1: 1, 2: 4}
    assert cache.get_or_compute([1], squares) == {1: 1}  # 2 is now the oldest
    assert cache.get_or_compute([3], squares) == {3: 9}
    assert cache.get_or_compute([1, 2], squares) == {1: 1, 2: 4}
    assert calls == [(1, 2), (3,), (2,)]


def test_more_keys_than_the_cache_keeps_are_all_returned() -> None:
    cache: LRUCache[int, int] = LRUCache(1)
    assert cache.get_or_compute([1, 2, 3], lambda keys: [-key for key in keys]) == {1: -1, 2: -2, 3: -3}
