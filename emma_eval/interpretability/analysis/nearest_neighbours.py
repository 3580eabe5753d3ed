"""Mutual information by nearest neighbours: Ross 2014 of a vector and a label, Kraskov 2004 of two vectors.

Both count, for each sample, how many others lie nearer than its k-th neighbour; psi is the digamma function. Distances
are the largest difference of a coordinate within a vector.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.special import digamma

from emma_eval.interpretability.analysis.section import Floats

NEIGHBOURS = 3  # k of both papers' examples
JITTER = 1e-10  # of a standard deviation: equal vectors have no order, and a random one is given to them
BITS = 1 / math.log(2)


def prepared(vectors: Floats, seed: int) -> Floats:
    """Vectors (n, d) with each coordinate scaled to standard deviation 1, and ties broken at random.

    A constant coordinate becomes noise, which tells nothing.
    """
    spread = vectors.std(axis=0)
    scaled = (vectors - vectors.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    untied: Floats = scaled + JITTER * np.random.default_rng(seed).standard_normal(vectors.shape)
    return untied


def ross(vectors: Floats, labels: NDArray[np.int64], k: int = NEIGHBOURS) -> float:
    """I(vector; label) in bits: psi(n) + psi(k) - mean psi(n_label) - mean psi(m), of prepared vectors (n, d).

    m counts the samples, itself included, within the distance to the k-th neighbour of the same label. Every label
    needs more than k samples. Ross, PLoS ONE 9(2): e87357, 2014, equation 6. May be negative: it is an estimate.
    """
    radius, of_label = np.empty(len(labels)), np.empty(len(labels))
    for label in np.unique(labels):
        own = labels == label
        distances, _ = KDTree(vectors[own]).query(vectors[own], k + 1, p=np.inf)
        radius[own], of_label[own] = distances[:, -1], own.sum()
    nearer = _nearer(vectors, radius)
    terms = digamma(len(labels)) + digamma(k) - digamma(of_label) - digamma(nearer)
    return BITS * float(terms.mean())


def kraskov(first: Floats, second: Floats, k: int = NEIGHBOURS) -> float:
    """I(first; second) in bits: psi(n) + psi(k) - mean(psi(n_1) + psi(n_2)), of prepared vectors (n, d1), (n, d2).

    n_1 counts the samples, itself included, nearer in the first vector than the k-th neighbour in both. Kraskov,
    Stoegbauer and Grassberger, Physical Review E 69, 066138, 2004, equation 8. May be negative.
    """
    joint = np.hstack([first, second])
    distances, _ = KDTree(joint).query(joint, k + 1, p=np.inf)
    radius = distances[:, -1]
    terms = digamma(_nearer(first, radius)) + digamma(_nearer(second, radius))
    return float(digamma(len(joint)) + digamma(k) - terms.mean()) * BITS


def entropy(labels: NDArray[np.int64]) -> float:
    """The entropy of labels (n,) in bits, by their shares: the most that anything can tell about them."""
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    return float(-(shares * np.log2(shares)).sum())


def _nearer(vectors: Floats, radius: Floats) -> NDArray[np.int64]:
    """How many samples, itself included, lie nearer to each than its radius."""
    counts = KDTree(vectors).query_ball_point(vectors, np.nextafter(radius, 0), p=np.inf, return_length=True)
    return np.asarray(counts, dtype=np.int64)
