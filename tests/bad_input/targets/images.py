"""Image files and images in rows, of every common format, damaged."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from emma_eval.images.sources import ConcatenatedImage, ImageBytes, ImageFile, image_size, open_rgb
from tests.bad_input.mutations import damaged
from tests.bad_input.outcome import Outcome, Target, require
from tests.fakes import make_image

FORMATS = (("PNG", {}), ("PNG", {"optimize": True}), ("JPEG", {}), ("JPEG", {"progressive": True}), ("GIF", {}),
           ("BMP", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("PPM", {}),
           ("ICO", {}), ("TGA", {}))  # fmt: skip
MODES = ("RGB", "L", "RGBA", "P", "1")


@dataclass(frozen=True)
class Encoded:
    """An image, encoded, and its pixels."""

    format: str
    data: bytes
    pixels: np.ndarray


@dataclass(frozen=True)
class Album:
    """The clean images and a folder for the damaged ones."""

    folder: Path
    images: list[Encoded]


def prepare(folder: Path) -> Album:
    """A picture in every format and mode that can hold it."""
    images = []
    for kind, options in FORMATS:
        for mode in MODES:
            buffer = io.BytesIO()
            try:
                make_image(60, 40).convert(mode).save(buffer, kind, **options)
            except (OSError, KeyError):
                continue  # the format has no such mode
            with Image.open(io.BytesIO(buffer.getvalue())) as image:
                images.append(Encoded(kind, buffer.getvalue(), np.asarray(image.convert("RGB"))))
    return Album(folder, images)


def examine(album: Album, rng: random.Random) -> Outcome:
    """Damage one image and open it, as a file, as a row's bytes, or beside another."""
    image = rng.choice(album.images)
    data = _huge(image.data, rng) if rng.random() < 0.1 else damaged(image.data, rng)
    source: ImageFile | ImageBytes = ImageBytes("row 1", lambda: data)
    if rng.random() < 0.5:
        (album.folder / "x.png").write_bytes(data)
        source = ImageFile(album.folder, "x.png")
    if rng.random() < 0.1:
        ConcatenatedImage((source, source)).open()
    size = image_size(source)
    opened = open_rgb(source)
    require(opened.size == size, f"the head says {size}, the image has {opened.size}")
    pixels = np.asarray(opened)
    if pixels.shape == image.pixels.shape and (pixels == image.pixels).all():
        return Outcome.SAME
    with Image.open(io.BytesIO(data)) as decoded:  # what official tools see, who open images with Pillow
        require(np.array_equal(pixels, np.asarray(decoded.convert("RGB"))), "other pixels than Pillow's")
    require(not image.data.startswith(data), f"a {image.format} that is cut off is opened")
    return Outcome.CHANGED


def _huge(data: bytes, rng: random.Random) -> bytes:
    """The head says that it is huge: two to eight bytes within the first hundred are all ones."""
    place = rng.randrange(min(100, len(data)))
    return data[:place] + b"\xff" * rng.choice((2, 4, 8)) + data[place + 4 :]


TARGET = Target(
    name="images",
    what="images of nine formats in five modes, damaged as bytes, or with a head that says they are huge",
    wrong="pixels are not those that Pillow decodes; a file that is cut off opens; the size of the head is "
    "not that of the image",
    count=500,
    prepare=prepare,
    examine=examine,
)
