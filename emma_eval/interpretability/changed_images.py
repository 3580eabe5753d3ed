"""Images that an ablation shows in place of a task's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emma_eval.images.sources import WrappedImage, keep_unpadded, open_rgb

if TYPE_CHECKING:
    from PIL.Image import Image

    from emma_eval.types import ImageSource

SIDE = 336  # pixels of the blank image, which the model resizes as any other
GREY = 128  # of 0 to 255, in all three colours


@dataclass(frozen=True, slots=True)
class BlankImage:
    """A grey square, the same for every question, so that its features are computed once."""

    name: str = "blank"
    label: str = "a blank image"

    def exists(self) -> bool:
        """It is made, not read."""
        return True

    def open(self) -> Image:
        """The square, RGB."""
        from PIL import Image

        return Image.new("RGB", (SIDE, SIDE), (GREY, GREY, GREY))


@dataclass(frozen=True, slots=True)
class BlurredImage(WrappedImage):
    """An image behind Pillow's Gaussian blur; `radius` is its standard deviation as a share of the shorter side."""

    radius: float

    @property
    def name(self) -> str:
        """The image's name and the radius."""
        return f"{self.image.name}, blurred by {self.radius:g}"

    def open(self) -> Image:
        """The blurred image, RGB. Raises SampleError if the image cannot be read."""
        from PIL import ImageFilter

        image = open_rgb(self.image)
        return image.filter(ImageFilter.GaussianBlur(self.radius * min(image.size)))


def blurred(image: ImageSource, radius: float) -> ImageSource:
    """The image blurred by a radius in shares of its shorter side; one that must not be padded stays so."""
    return keep_unpadded(image, lambda inner: BlurredImage(inner, radius))
