"""What cameras and programs do: contrast, saturation, elastic shifts, fewer pixels, JPEG. See `corruptions_noise`."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image
from scipy import ndimage

from emma_eval.robustness.corruptions_noise import Pixels, Random


def contrast(image: Pixels, level: int, random: Random) -> Pixels:
    """Each colour nearer to its mean."""
    kept = (0.4, 0.3, 0.2, 0.1, 0.05)[level - 1]
    means: Pixels = image.mean(axis=(0, 1), keepdims=True)
    return (image - means) * kept + means


def saturate(image: Pixels, level: int, random: Random) -> Pixels:
    """Another saturation in HSV, hue and value kept; grey has red's hue."""
    factor, added = ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2))[level - 1]
    value: Pixels = image.max(axis=2, keepdims=True)
    below = value - image  # how far each colour is below the strongest
    span: Pixels = below.max(axis=2, keepdims=True)
    saturation = np.divide(span, value, out=np.zeros_like(value), where=value > 0)
    wanted = np.clip(saturation * factor + added, 0, 1)
    shares = np.where(span > 0, below / np.where(span > 0, span, 1), (0.0, 1.0, 1.0))
    return value * (1 - wanted * shares)


def elastic_transform(image: Pixels, level: int, random: Random) -> Pixels:
    """Pixels shifted by a smooth random field, its size in proportion to the image's."""
    strength = (12.5, 16.25, 21.25, 25.0, 30.0)[level - 1]
    height, width = image.shape[:2]
    most, sigma = height * 0.005, (height * 0.01, width * 0.01)
    right, down = (
        ndimage.gaussian_filter(random.uniform(-most, most, (height, width)), sigma, mode="reflect", truncate=3)
        * strength
        for _ in range(2)
    )
    rows, columns = np.indices((height, width))
    places = (rows + down, columns + right)
    return np.dstack([ndimage.map_coordinates(image[..., c], places, order=1, mode="reflect") for c in range(3)])


def pixelate(image: Pixels, level: int, random: Random) -> Pixels:
    """Shrunk by the mean of boxes, enlarged by repetition."""
    share = (0.6, 0.5, 0.4, 0.3, 0.25)[level - 1]
    whole = _as_pil(image)
    small = (max(1, int(whole.width * share)), max(1, int(whole.height * share)))
    shown = whole.resize(small, Image.Resampling.BOX).resize(whole.size, Image.Resampling.NEAREST)
    return np.asarray(shown) / 255


def jpeg_compression(image: Pixels, level: int, random: Random) -> Pixels:
    """Saved as a JPEG of low quality, and read."""
    stored = BytesIO()
    _as_pil(image).save(stored, "JPEG", quality=(25, 18, 15, 10, 7)[level - 1])
    return np.asarray(Image.open(stored)) / 255


def _as_pil(image: Pixels) -> Image.Image:
    return Image.fromarray(np.round(image * 255).astype(np.uint8))
