"""Thumbnails, small enough to embed thousands in a page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING

from emma_eval.errors import SampleError
from emma_eval.types import ImageSource
from emma_eval.utils.cpu import usable_cpus

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 176  # pixels of the longer side
QUALITY = 72


def thumbnails(images: Iterable[ImageSource]) -> dict[ImageSource, str]:
    """Each image as a small JPEG in base64; empty if it can't be opened."""
    wanted = list(dict.fromkeys(images))
    with ThreadPoolExecutor(usable_cpus()) as pool:
        return dict(zip(wanted, pool.map(thumbnail, wanted), strict=True))


def thumbnail(image: ImageSource) -> str:
    """One thumbnail in base64; empty if the image can't be opened."""
    small = small_image(image, SIDE)
    if small is None:
        return ""
    data = BytesIO()
    small.save(data, "JPEG", quality=QUALITY, optimize=True)
    return b64encode(data.getvalue()).decode("ascii")


def small_image(image: ImageSource, side: int) -> Image | None:
    """The image in RGB, its longer side at most `side` pixels, transparent parts white; None if it can't be opened."""
    from PIL import Image

    try:
        decoded = image.open()
    except SampleError:
        return None
    if decoded.has_transparency_data:
        decoded = Image.alpha_composite(Image.new("RGBA", decoded.size, "white"), decoded.convert("RGBA"))
    small = decoded.convert("RGB")
    small.thumbnail((side, side))
    return small
