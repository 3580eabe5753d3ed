"""Counting yes and no: the confusion counts that POPE and MME report on, with their zero divisions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from emma_eval.scorers.arithmetic import ratio


@dataclass(frozen=True)
class Confusion:
    """Counts with `yes` as the positive class."""

    tp: int = 0
    fp: int = 0
    tn: int = 0
    fn: int = 0

    @classmethod
    def count(cls, pairs: Iterable[tuple[bool, bool]]) -> Confusion:
        """Of (said yes, is yes) pairs."""
        tally = {(True, True): 0, (True, False): 0, (False, False): 0, (False, True): 0}
        for pair in pairs:
            tally[pair] += 1
        return cls(tally[True, True], tally[True, False], tally[False, False], tally[False, True])

    @property
    def n(self) -> int:
        """All answers counted."""
        return self.tp + self.fp + self.tn + self.fn

    @property
    def accuracy(self) -> float:
        """The right ones among all."""
        return ratio(self.tp + self.tn, self.n)

    @property
    def precision(self) -> float:
        """The truly yes among those said yes."""
        return ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """Those said yes among the truly yes."""
        return ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall, in the official tools' order of operations."""
        return ratio(2 * self.precision * self.recall, self.precision + self.recall)

    @property
    def yes_ratio(self) -> float:
        """Those said yes among all."""
        return ratio(self.tp + self.fp, self.n)
