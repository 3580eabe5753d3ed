"""Counting yes and no: the confusion counts that POPE and MME report on, with their zero divisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from emma_eval.scorers.arithmetic import ratio
from emma_eval.types import Metric, Ratio

COUNTS = ("tp", "fn", "tn", "fp")


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


def confusion_ratios(pairs: Sequence[tuple[bool, bool]], places: Sequence[int] | None = None) -> dict[str, Ratio]:
    """What each (said yes, is yes) pair adds to the numbers of a Confusion, by their names; counts as shares of all."""
    said = [float(said) for said, _ in pairs]
    true = [float(true) for _, true in pairs]
    both = [float(said and true) for said, true in pairs]
    either = [s + t for s, t in zip(said, true, strict=True)]
    return {
        "accuracy": Ratio([float(said == true) for said, true in pairs], sample_indices=places),
        "precision": Ratio(both, said, places),
        "recall": Ratio(both, true, places),
        "f1": Ratio([2 * b for b in both], either, places),
        "yes_ratio": Ratio(said, sample_indices=places),
        "tp": Ratio(both, sample_indices=places),
        "fn": Ratio([t - b for t, b in zip(true, both, strict=True)], sample_indices=places),
        "tn": Ratio([float(not (said or true)) for said, true in pairs], sample_indices=places),
        "fp": Ratio([s - b for s, b in zip(said, both, strict=True)], sample_indices=places),
    }


def count_metrics(confusion: Confusion, ratios: Mapping[str, Ratio], group: str, category: str) -> list[Metric]:
    """The four counts as metrics of a category."""
    return [
        Metric(
            name,
            getattr(confusion, name),
            confusion.n,
            "count",
            group,
            category,
            higher_is_better=None,
            ratios=(ratios[name],),
            scale=confusion.n,
        )
        for name in COUNTS
    ]
