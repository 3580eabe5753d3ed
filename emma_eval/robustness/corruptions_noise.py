"""Noise: Gaussian, of photons, of broken pixels, of speckles.

Images are (H, W, 3) float64 from 0 to 1, `level` is the severity from 1 to 5, and results may leave [0, 1].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float64]
Random = np.random.Generator


def gaussian_noise(image: Pixels, level: int, random: Random) -> Pixels:
    """Normal noise of one standard deviation."""
    deviation = (0.08, 0.12, 0.18, 0.26, 0.38)[level - 1]
    return image + random.normal(scale=deviation, size=image.shape)


def shot_noise(image: Pixels, level: int, random: Random) -> Pixels:
    """Counts of photons: Poisson, of so many where the image is white."""
    photons = (60, 25, 12, 5, 3)[level - 1]
    return random.poisson(image * photons) / float(photons)


def impulse_noise(image: Pixels, level: int, random: Random) -> Pixels:
    """Salt and pepper: a share of all values is set to 0 or 1, each colour for itself."""
    share = (0.03, 0.06, 0.09, 0.17, 0.27)[level - 1]
    is_hit = random.random(image.shape) <= share
    is_salt = random.random(image.shape) <= 0.5
    return np.where(is_hit, is_salt.astype(float), image)


def speckle_noise(image: Pixels, level: int, random: Random) -> Pixels:
    """Normal noise in proportion to the value."""
    deviation = (0.15, 0.2, 0.35, 0.45, 0.6)[level - 1]
    return image + image * random.normal(scale=deviation, size=image.shape)
