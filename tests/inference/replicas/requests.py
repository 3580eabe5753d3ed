"""Requests on images that nobody opens."""

from collections.abc import Iterable
from pathlib import Path

from emma_eval.images.sources import ImageFile
from emma_eval.types import Request

FOLDER = Path("images")


def on_images(images: Iterable[int]) -> list[Request]:
    """A request on the image of each number."""
    return [Request(str(i), 0, "What?", "", (ImageFile(FOLDER, f"{n}.png"),)) for i, n in enumerate(images)]
