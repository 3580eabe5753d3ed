"""Values that were asked for lately, so that they need not be computed again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keeps the values of the `size` keys asked for last."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[K, V] = OrderedDict()

    def of(self, keys: Sequence[K], compute: Callable[[Sequence[K]], Sequence[V]]) -> dict[K, V]:
        """The value of each key; `compute` gives those of the distinct keys that are not known, all at once."""
        missing = [key for key in dict.fromkeys(keys) if key not in self._values]
        if missing:
            self._values.update(zip(missing, compute(missing), strict=True))
        found = {key: self._values[key] for key in keys}
        for key in found:
            self._values.move_to_end(key)
        while len(self._values) > self._size:
            self._values.popitem(last=False)
        return found
