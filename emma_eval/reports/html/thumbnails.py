"""Thumbnails, small enough to embed thousands in a page."""

from __future__ import annotations

from base64 import b64encode
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from io import BytesIO
from typing import TYPE_CHECKING

from emma_eval.errors import SampleError
from emma_eval.images.sources import open_small
from emma_eval.inference.prefetch import worker_threads
from emma_eval.types import ImageSource
from emma_eval.utils.cpu import usable_cpus

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 160  # pixels of the longer side: a quarter of 640, which a JPEG decodes to without being resized
QUALITY = 72
GROUPS_AHEAD = 4


def thumbnails(groups: Iterable[Iterable[ImageSource]]) -> Iterator[list[str]]:
    """For each group of images their thumbnails; those of the next groups are made meanwhile."""
    pending: deque[list[Future[str]]] = deque()
    with worker_threads(usable_cpus()) as pool:
        for group in groups:
            pending.append([pool.submit(thumbnail, image) for image in group])
            if len(pending) > GROUPS_AHEAD:
                yield [made.result() for made in pending.popleft()]
        for made_last in pending:
            yield [made.result() for made in made_last]


def thumbnail(image: ImageSource) -> str:
    """The image as a small JPEG in base64; empty if it can't be opened."""
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
        decoded = open_small(image, side)
    except SampleError:
        return None
    if decoded.has_transparency_data:
        decoded = Image.alpha_composite(Image.new("RGBA", decoded.size, "white"), decoded.convert("RGBA"))
    small = decoded.convert("RGB")
    small.thumbnail((side, side))
    return small
