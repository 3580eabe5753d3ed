"""A cache of the values used last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LRUCache(Generic[K, V]):
    """Keeps the values of the `max_size` keys used last."""

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value of a key, if it is cached; the order of use stays. Any thread may call."""
        return self._values.get(key)

    def get_or_compute(self, keys: Sequence[K], compute: Callable[[Sequence[K]], Sequence[V]]) -> dict[K, V]:
        """The value of each key. `compute` is called once, with the distinct keys that are not cached, if any."""
        missing = [key for key in dict.fromkeys(keys) if key not in self._values]
        if missing:
            self._values.update(zip(missing, compute(missing), strict=True))
        values = {key: self._values[key] for key in keys}
        for key in values:
            self._values.move_to_end(key)
        while len(self._values) > self._max_size:
            self._values.popitem(last=False)
        return values
