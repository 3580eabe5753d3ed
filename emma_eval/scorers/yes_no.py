"""Confusion counts of yes and no for POPE, MME and VizWiz; a division by zero gives 0."""

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
        """Count (predicted yes, is yes) pairs."""
        tally = {(True, True): 0, (True, False): 0, (False, False): 0, (False, True): 0}
        for pair in pairs:
            tally[pair] += 1
        return cls(tally[True, True], tally[True, False], tally[False, False], tally[False, True])

    @property
    def n(self) -> int:
        """All answers."""
        return self.tp + self.fp + self.tn + self.fn

    @property
    def accuracy(self) -> float:
        """The share (tp + tn) / n."""
        return ratio(self.tp + self.tn, self.n)

    @property
    def precision(self) -> float:
        """The share tp / (tp + fp)."""
        return ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """The share tp / (tp + fn)."""
        return ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall, in the official tools' order of operations."""
        return ratio(2 * self.precision * self.recall, self.precision + self.recall)

    @property
    def yes_ratio(self) -> float:
        """The share (tp + fp) / n."""
        return ratio(self.tp + self.fp, self.n)


def confusion_ratios(pairs: Sequence[tuple[bool, bool]], indices: Sequence[int] | None = None) -> dict[str, Ratio]:
    """The ratios of a Confusion's metrics, one entry a (predicted yes, is yes) pair; counts as shares of n."""
    predicted = [float(predicted) for predicted, _ in pairs]
    true = [float(true) for _, true in pairs]
    both = [float(predicted and true) for predicted, true in pairs]
    either = [s + t for s, t in zip(predicted, true, strict=True)]
    return {
        "accuracy": Ratio([float(predicted == true) for predicted, true in pairs], sample_indices=indices),
        "precision": Ratio(both, predicted, indices),
        "recall": Ratio(both, true, indices),
        "f1": Ratio([2 * b for b in both], either, indices),
        "yes_ratio": Ratio(predicted, sample_indices=indices),
        "tp": Ratio(both, sample_indices=indices),
        "fn": Ratio([t - b for t, b in zip(true, both, strict=True)], sample_indices=indices),
        "tn": Ratio([float(not (predicted or true)) for predicted, true in pairs], sample_indices=indices),
        "fp": Ratio([s - b for s, b in zip(predicted, both, strict=True)], sample_indices=indices),
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
