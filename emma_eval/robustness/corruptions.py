"""Corruptions of images: the families of ImageNet-C, the same for the same image, family and severity on every run.

Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations" (ICLR 2019).
Constants and borders are those of the package imagecorruptions (Michaelis et al. 2019), which extends the paper's code
to images of any size. It is not used itself: it draws from NumPy's one global generator, which threads that open images
would share, and needs OpenCV, Numba and scikit-image (430 MB).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from emma_eval.errors import SampleError, UserError
from emma_eval.images.sources import WrappedImage, keep_unpadded, open_rgb
from emma_eval.utils.text import did_you_mean

if TYPE_CHECKING:
    from PIL.Image import Image

    from emma_eval.types import ImageSource

Kind = Literal["noise", "blur", "weather", "digital"]
SEVERITIES = (1, 2, 3, 4, 5)

FAMILIES: Mapping[str, Kind] = {
    "gaussian_noise": "noise",
    "shot_noise": "noise",
    "impulse_noise": "noise",
    "speckle_noise": "noise",
    "defocus_blur": "blur",
    "glass_blur": "blur",
    "motion_blur": "blur",
    "zoom_blur": "blur",
    "gaussian_blur": "blur",
    "snow": "weather",
    "fog": "weather",
    "brightness": "weather",
    "contrast": "digital",
    "elastic_transform": "digital",
    "pixelate": "digital",
    "jpeg_compression": "digital",
    "saturate": "digital",
}
HELD_OUT = ("speckle_noise", "gaussian_blur", "saturate")  # not of the paper's mean, but for tuning
LEFT_OUT: Mapping[str, str] = {
    "frost": "it lays six photographs over the image, which are not shipped here",
    "spatter": "its drops are drawn by OpenCV's edge detector and distance transform",
}


@dataclass(frozen=True, slots=True)
class Corruption:
    """A family at a severity. Raises UserError for one that there is none of."""

    family: str
    severity: int

    def __post_init__(self) -> None:
        if reason := LEFT_OUT.get(self.family):
            raise UserError(f"the corruption {self.family} is left out: {reason}")
        if self.family not in FAMILIES:
            raise UserError(f"there is no corruption {self.family!r:.60}{did_you_mean(self.family, FAMILIES)}")
        if self.severity not in SEVERITIES:
            raise UserError(f"corruption {self.family}: the severity is 1 to 5, not {self.severity!r:.20}")

    @property
    def name(self) -> str:
        """`gaussian_noise_3`."""
        return f"{self.family}_{self.severity}"

    def apply(self, image: Image) -> Image:
        """The corrupted image, RGB, of the same size.

        Random numbers are seeded by SHA-256 over family, severity, size and the pixels as 8-bit RGB.
        """
        import numpy as np
        from PIL.Image import fromarray

        pixels = np.asarray(image.convert("RGB"))
        head = f"{self.family} {self.severity} {image.width}x{image.height} ".encode()
        seed = int.from_bytes(hashlib.sha256(head + pixels.tobytes()).digest())
        return fromarray(corrupt(self, pixels, np.random.default_rng(seed)))


def corrupt(corruption: Corruption, pixels: Any, random: Any) -> Any:
    """Pixels (H, W, 3) uint8, corrupted; values are cut off to whole numbers, as the reference does it."""
    import numpy as np

    corrupted = _function(corruption.family)(pixels / 255, corruption.severity, random)
    return (np.clip(corrupted, 0, 1) * 255).astype(np.uint8)


def _function(family: str) -> Callable[[Any, int, Any], Any]:
    """The function of a family; SciPy is imported only when an image is corrupted."""
    from emma_eval.robustness import corruptions_blur, corruptions_digital, corruptions_noise, corruptions_weather

    modules = {
        "noise": corruptions_noise,
        "blur": corruptions_blur,
        "weather": corruptions_weather,
        "digital": corruptions_digital,
    }
    function: Callable[[Any, int, Any], Any] = getattr(modules[FAMILIES[family]], family)
    return function


@dataclass(frozen=True, slots=True)
class CorruptedImage(WrappedImage):
    """An image behind a corruption."""

    corruption: Corruption

    @property
    def name(self) -> str:
        """The image's name and the corruption."""
        return f"{self.image.name}, {self.corruption.name}"

    def open(self) -> Image:
        """The corrupted image, RGB. Raises SampleError if the image cannot be read or is too large to be corrupted."""
        image = open_rgb(self.image)
        try:
            return self.corruption.apply(image)
        except MemoryError as error:
            size = f"{image.width:,} x {image.height:,} pixels"
            raise SampleError(f"{self.label}: no memory for {self.corruption.name} of {size}") from error


def corrupted(image: ImageSource, family: str, severity: int) -> ImageSource:
    """The image corrupted; one that must not be padded stays so.

    Raises UserError for a family or severity that there is none of.
    """
    corruption = Corruption(family, severity)
    return keep_unpadded(image, lambda inner: CorruptedImage(inner, corruption))
