"""Selective accuracy: how accurate a model is on the answers that it is most confident of (risk-coverage curve).

Geifman and El-Yaniv, "Selective Classification for Deep Neural Networks" (NeurIPS 2017). Answers of equal confidence
stand in no order, so the mean over all their orders is taken.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

COVERAGES = (0.5, 0.8, 0.9)
ROUNDING = 1e-9  # 0.9 * 10 is 9 answers, not 10


class RiskCoverage:
    """The curve of n answers. Weights (n, R) say how often each is counted, in each of R resamples."""

    def __init__(self, confidence: Floats, is_correct: Floats) -> None:
        """Both (n,); correctness is 0 or 1."""
        self._order = np.argsort(-confidence, kind="stable")
        ordered = confidence[self._order]
        self._starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))  # of blocks of equal confidence
        self._is_wrong = 1 - is_correct[self._order]

    def curve(self) -> tuple[Floats, Floats]:
        """Coverage and accuracy (blocks,) at the end of each block of equal confidence, the most confident first."""
        counts, wrong = (values[:, 0] for values in self._sums(np.ones((len(self._order), 1))))
        return counts[1:] / counts[-1], 1 - wrong[1:] / counts[1:]

    def summary(self, weights: Floats) -> dict[str, Floats]:
        """AURC and the accuracy at each of COVERAGES, by its name: (R,) each."""
        counts, wrong = self._sums(weights)
        return {"aurc": _area(counts, wrong)} | {f"{one:.0%}": _accuracy_at(one, counts, wrong) for one in COVERAGES}

    def _sums(self, weights: Floats) -> tuple[Floats, Floats]:
        """How many answers there are up to the end of each block, and how many wrong: (blocks + 1, R) each, 0 first."""
        ordered = weights[self._order]
        counts = np.add.reduceat(ordered, self._starts, axis=0)
        wrong = np.add.reduceat(ordered * self._is_wrong[:, None], self._starts, axis=0)
        none = np.zeros((1, weights.shape[1]))
        return np.concatenate([none, counts.cumsum(axis=0)]), np.concatenate([none, wrong.cumsum(axis=0)])


def _accuracy_at(coverage: float, counts: Floats, wrong: Floats) -> Floats:
    """Accuracy (R,) of the most confident answers, the fewest whose share is at least `coverage`."""
    wanted = np.ceil(coverage * counts[-1] - ROUNDING)
    block = (counts >= wanted).argmax(axis=0)  # at its end there are enough
    columns = np.arange(len(wanted))
    before, wrong_before = counts[block - 1, columns], wrong[block - 1, columns]
    share = (wanted - before) / (counts[block, columns] - before)  # of the block
    return np.asarray(1 - (wrong_before + share * (wrong[block, columns] - wrong_before)) / wanted)


def _area(counts: Floats, wrong: Floats) -> Floats:
    """AURC (R,): the mean over k = 1..n of the share of wrong answers among the k most confident.

    In a block of m answers, e of them wrong, behind N answers with E wrong, the j-th has the expected share
    (E + j e / m) / (N + j), whose sum is e + (E - N e / m) (H(N + m) - H(N)) with the harmonic numbers H.
    """
    harmonic = np.append(0.0, np.cumsum(1 / np.arange(1, int(counts[-1].max()) + 1)))[counts.astype(int)]
    sizes, errors = counts[1:] - counts[:-1], wrong[1:] - wrong[:-1]
    rates = np.divide(errors, sizes, out=np.zeros_like(sizes), where=sizes > 0)
    sums = errors + (wrong[:-1] - rates * counts[:-1]) * (harmonic[1:] - harmonic[:-1])
    return np.asarray(sums.sum(axis=0) / counts[-1])
