"""Blurs: out of focus, behind glass, in motion, of a lens that zooms. See `corruptions_noise` for shapes and types."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.signal import fftconvolve

from emma_eval.robustness.corruptions_noise import Pixels, Random


def gaussian_blur(image: Pixels, level: int, random: Random) -> Pixels:
    """A Gaussian blur."""
    return blur(image, (1, 2, 3, 4, 6)[level - 1])


def defocus_blur(image: Pixels, level: int, random: Random) -> Pixels:
    """The mean over a disk, whose edge is softened by a Gaussian."""
    radius, softness = ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))[level - 1]
    kernel = _disk(radius, softness)
    margin = kernel.shape[0] // 2
    mode: Literal["reflect", "edge"] = "reflect" if min(image.shape[:2]) > 1 else "edge"  # one row mirrors nothing
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode=mode)
    blurred: Pixels = fftconvolve(padded, kernel[:, :, None], mode="valid", axes=(0, 1))
    return blurred


def glass_blur(image: Pixels, level: int, random: Random) -> Pixels:
    """A Gaussian blur, pixels shuffled with neighbours, a Gaussian blur."""
    sigma, reach, passes = ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2))[level - 1]
    soft = np.floor(blur(image, sigma) * 255)  # the reference shuffles bytes
    height, width = soft.shape[:2]
    source = _shuffled_pixels(height, width, reach, passes, random)
    return blur(soft.reshape(-1, 3)[source].reshape(soft.shape) / 255, sigma)


def motion_blur(image: Pixels, level: int, random: Random) -> Pixels:
    """The image moved along a line of any direction within 45 degrees of the horizontal, the trace ever fainter."""
    radius, sigma = ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))[level - 1]
    return moved(image, radius, sigma, random.uniform(-45, 45))


def zoom_blur(image: Pixels, level: int, random: Random) -> Pixels:
    """The mean of the image and of enlargements about its centre."""
    end, step = ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03))[level - 1]
    factors = np.arange(1, end, step)
    height, width = image.shape[:2]
    total = image.copy()
    for factor in factors:
        total += enlarged(image, factor)[:height, :width]
    return total / (len(factors) + 1)


def blur(image: Pixels, sigma: float) -> Pixels:
    """A Gaussian blur within each colour, the edge pixels repeated outside, cut at four standard deviations."""
    blurred: Pixels = ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="nearest", truncate=4)
    return blurred


def moved(image: Pixels, radius: int, sigma: float, angle: float) -> Pixels:
    """The image (H, W, ...) in motion over 2 * radius pixels at an angle in degrees; weights are half a Gaussian."""
    width = 2 * radius + 1
    weights = np.exp(-(np.arange(width) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    across, along = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    total = np.zeros_like(image)
    for step, weight in enumerate(weights):
        down, right = -math.ceil(step * across - 0.5), -math.ceil(step * along - 0.5)
        if abs(down) >= image.shape[0] or abs(right) >= image.shape[1]:
            break
        rows = np.clip(np.arange(image.shape[0]) - down, 0, image.shape[0] - 1)  # edge pixels are repeated
        columns = np.clip(np.arange(image.shape[1]) - right, 0, image.shape[1] - 1)
        total += weight * image[rows][:, columns]
    return total


def enlarged(image: Pixels, factor: float) -> Pixels:
    """The middle of an image (H, W, ...) enlarged to H x W or a pixel more, by linear interpolation."""
    height, width = (math.ceil(size / factor) for size in image.shape[:2])
    top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
    middle = image[top : top + height, left : left + width]
    zoomed: Pixels = ndimage.zoom(middle, (factor, factor, 1)[: image.ndim], order=1)
    return zoomed


def _disk(radius: int, softness: float) -> Pixels:
    """A disk of sum 1 behind a Gaussian of 3 x 3 pixels, of 5 x 5 for radii above 8.

    At radii 8 and 10 the disk touches the border, where the Gaussian mirrors it: the sum is then 1.01, as published.
    """
    half, margin = (8, 1) if radius <= 8 else (radius, 2)
    offsets = np.arange(-half, half + 1)
    disk = (offsets**2 + offsets[:, None] ** 2 <= radius**2).astype(float)
    disk /= disk.sum()
    weights = np.exp(-(np.arange(-margin, margin + 1) ** 2) / (2 * softness**2))
    for axis in (0, 1):
        disk = ndimage.correlate1d(disk, weights / weights.sum(), axis, mode="mirror")
    return disk


def _shuffled_pixels(height: int, width: int, reach: int, passes: int, random: Random) -> NDArray[np.int64]:
    """Where each pixel's colour comes from, as index (H * W,): from a near pixel, in turn from the last to the first.

    The published code means to swap two pixels, but both end with the colour of one, and so do they here.
    """
    rows, columns = range(height - reach, reach, -1), range(width - reach, reach, -1)
    source = list(range(height * width))
    for _ in range(passes):
        steps = random.integers(-reach, reach, size=(len(rows) * len(columns), 2)) @ np.array([1, width])  # dx, dy
        places = (np.array(rows)[:, None] * width + np.array(columns)).ravel() if steps.size else steps
        for place, step in zip(places.tolist(), steps.tolist(), strict=True):
            source[place] = source[place + step]
    return np.array(source)
