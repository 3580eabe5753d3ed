"""Images as files for a server: the original bytes if servers read their format, else a PNG."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

from emma_eval.images.sources import UnpaddedImage, decode, image_format, naming

if TYPE_CHECKING:
    from PIL.Image import Image

    from emma_eval.types import ImageSource

MEDIA_TYPES = {"JPEG": "image/jpeg", "MPO": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")  # others become RGB


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An image as bytes, and what was done to it."""

    data: bytes = field(repr=False)
    media_type: str  # `image/png`
    recoded: bool = False  # its own format is not one of MEDIA_TYPES, or it consists of several images
    resized: bool = False

    @property
    def data_url(self) -> str:
        """The image as a URL that holds it."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode()}"


def encode_image(image: ImageSource, longest_side: int | None = None) -> EncodedImage:
    """The image's own bytes if servers read their format; else, or if a side exceeds `longest_side` pixels, a PNG.

    The bytes are decoded in any case, so that a broken image is noticed here. Raises SampleError naming the image.
    """
    if isinstance(image, UnpaddedImage):  # padding is a matter of models computed here
        image = image.image
    read = getattr(image, "read", None)  # an image made of others has no bytes of its own
    data = read() if read else None
    pixels = image.open() if data is None else decode(data, image.label)
    with naming(image):
        if longest_side is not None and max(pixels.size) > longest_side:
            return EncodedImage(_png(_shrink(pixels, longest_side)), "image/png", resized=True)
        kind = None if data is None else image_format(data)
        if data is not None and kind in MEDIA_TYPES:
            return EncodedImage(data, MEDIA_TYPES[kind])
        return EncodedImage(_png(pixels), "image/png", recoded=True)


def _shrink(image: Image, longest_side: int) -> Image:
    """The image in RGB with its longer side of `longest_side` pixels, its proportions kept."""
    from PIL import Image as Pillow

    scale = longest_side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.convert("RGB").resize(size, Pillow.Resampling.BICUBIC)


def _png(image: Image) -> bytes:
    data = BytesIO()
    (image if image.mode in PNG_MODES else image.convert("RGB")).save(data, "PNG")
    return data.getvalue()
