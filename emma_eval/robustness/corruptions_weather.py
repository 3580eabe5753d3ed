"""Weather: snow, fog, brightness. See `corruptions_noise` for shapes and types."""

from __future__ import annotations

import numpy as np

from emma_eval.robustness.corruptions_blur import enlarged, moved
from emma_eval.robustness.corruptions_noise import Pixels, Random

LUMA = (0.299, 0.587, 0.114)  # of red, green, blue: ITU-R BT.601


def snow(image: Pixels, level: int, random: Random) -> Pixels:
    """A paler image behind flakes that fall in one direction, and behind the same flakes turned around."""
    mean, deviation, zoom, threshold, radius, sigma, kept = (
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    )[level - 1]
    height, width = image.shape[:2]
    flakes = enlarged(random.normal(mean, deviation, (height, width)), zoom)
    flakes = np.clip(np.where(flakes < threshold, 0, flakes), 0, 1)
    flakes = moved(flakes, int(radius), sigma, random.uniform(-135, -45))
    flakes = (np.round(flakes * 255) / 255)[:height, :width, None]
    grey = (image @ LUMA)[:, :, None]
    pale = kept * image + (1 - kept) * np.maximum(image, grey * 1.5 + 0.5)
    return pale + flakes + np.rot90(flakes, 2)


def fog(image: Pixels, level: int, random: Random) -> Pixels:
    """Light of an uneven cloud over the image, the sum as bright at most as the image was."""
    strength, decay = ((1.5, 2), (2.0, 2), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4))[level - 1]
    height, width = image.shape[:2]
    side = max(2, 1 << (max(height, width) - 1).bit_length())
    brightest = float(image.max())
    clouded = image + strength * plasma(side, decay, random)[:height, :width, None]
    return clouded * brightest / (brightest + strength)


def brightness(image: Pixels, level: int, random: Random) -> Pixels:
    """More value in HSV, hue and saturation kept: all colours of a pixel are multiplied by the same number."""
    added = (0.1, 0.2, 0.3, 0.4, 0.5)[level - 1]
    value: Pixels = image.max(axis=2, keepdims=True)
    brighter = np.clip(value + added, 0, 1)
    return np.where(value > 0, image * brighter / np.where(value > 0, value, 1), brighter)


def plasma(side: int, decay: float, random: Random) -> Pixels:
    """A cloud (side, side) from 0 to 1 by the diamond-square algorithm (Fournier et al. 1982), wrapped around.

    `side` is a power of two; each finer step moves the means of its neighbours by 1 / `decay` of the step before.
    """
    cloud = np.zeros((side, side))
    step, amplitude = side, 100.0

    def near(total: Pixels) -> Pixels:
        """A quarter of the sum of four neighbours, moved at random."""
        return total / 4 + amplitude * random.uniform(-amplitude, amplitude, total.shape)

    while step >= 2:
        half = step // 2
        corners = cloud[::step, ::step]
        pairs = corners + np.roll(corners, -1, axis=0)
        cloud[half::step, half::step] = near(pairs + np.roll(pairs, -1, axis=1))
        middles = cloud[half::step, half::step]
        above = middles + np.roll(middles, 1, axis=0)
        beside = middles + np.roll(middles, 1, axis=1)
        cloud[::step, half::step] = near(above + corners + np.roll(corners, -1, axis=1))
        cloud[half::step, ::step] = near(beside + corners + np.roll(corners, -1, axis=0))
        step, amplitude = half, amplitude / decay
    cloud -= cloud.min()
    return cloud / float(cloud.max())
