"""Images to pixel values, bit for bit as CLIPImageProcessor's Pillow backend makes them, and faster.

An image may be made a square first: LLaVA pads it (its expand2square) where config.json says `image_aspect_ratio: pad`,
mPLUG-Owl2's evaluation squashes it.
Rescaling and normalisation are one table look-up: a channel has only 256 values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from pydantic import BeforeValidator, Field
from torch.nn.functional import interpolate

from emma_eval.errors import UserError
from emma_eval.images.sources import MAX_PIXELS
from emma_eval.models.checkpoints.hf_config import HFConfig, parse_config
from emma_eval.utils.json_io import read_json_object

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
Squaring = Literal["none", "pad", "squash"]  # before anything else; the first leaves proportions to the center crop
TORCH_MODES = {Image.Resampling.BICUBIC: "bicubic", Image.Resampling.BILINEAR: "bilinear"}


@dataclass(frozen=True, slots=True)
class ImageProcessor:
    """CLIP's preprocessing: resize the shortest edge to `size`, center crop to `crop_size`, rescale, normalize."""

    size: int  # pixels
    crop_size: int
    image_mean: tuple[float, ...] = CLIP_MEAN
    image_std: tuple[float, ...] = CLIP_STD
    resample: int = Image.Resampling.BICUBIC
    rescale_factor: float = 1 / 255
    squaring: Squaring = "none"
    fast: bool = False  # downscale by PyTorch: 1.6 times as fast, and pixels differ by at most 1 of 255

    def __call__(self, image: Image.Image) -> NDArray[np.float32]:
        """An image of any size and mode -> pixel values (3, S, S) float32, S = crop_size."""
        pixels, table = self.pixels_uint8(image), self.normalization_table()
        return np.stack([table[channel][pixels[channel]] for channel in range(3)])

    def pixels_uint8(self, image: Image.Image) -> NDArray[np.uint8]:
        """The image before rescaling and normalization: (3, S, S) uint8, S = crop_size.

        EXIF orientation is ignored, as in the reference. Raises ValueError for an image so long and thin that a square
        around it would fill the memory.
        """
        image = image if image.mode == "RGB" else image.convert("RGB")  # which would copy it
        if self.squaring == "pad":
            image = pad_to_square(image, tuple(int(value * 255) for value in self.image_mean))
        elif self.squaring == "squash":
            image = squash_to_square(image)
        size, resample = shortest_edge_size(image.size, self.size), Image.Resampling(self.resample)
        _require_drawable(*size)
        shrinks = min(size) <= min(image.size)  # enlarged, PyTorch's pixels differ by up to 2 of 255
        fast = self.fast and resample in TORCH_MODES and shrinks
        image = resize_by_torch(image, size, resample) if fast else image.resize(size, resample=resample)
        return np.ascontiguousarray(np.asarray(center_crop(image, self.crop_size)).transpose(2, 0, 1))

    def normalization_table(self) -> NDArray[np.float32]:
        """The normalized value of each uint8 pixel value: (3, 256) float32, rounded in transformers' order."""
        rescaled = (np.arange(256) * self.rescale_factor).astype(np.float32)
        mean, std = np.asarray(self.image_mean, np.float32), np.asarray(self.image_std, np.float32)
        return (rescaled - mean[:, None]) / std[:, None]


def pad_to_square(image: Image.Image, color: tuple[int, ...]) -> Image.Image:
    """LLaVA's expand2square: the image in the middle of a square of this color, its offset rounded down."""
    width, height = image.size
    side = max(width, height)
    if width == height:
        return image
    _require_drawable(side, side)
    canvas = Image.new("RGB", (side, side), color)
    canvas.paste(image, ((side - width) // 2, (side - height) // 2))
    return canvas


def squash_to_square(image: Image.Image) -> Image.Image:
    """The image enlarged to a square of its longer side, its proportions lost."""
    side = max(image.size)
    _require_drawable(side, side)
    return image.resize((side, side), Image.Resampling.BICUBIC)


def _require_drawable(width: int, height: int) -> None:
    """Raise ValueError for a canvas larger than any image may be, as an image of odd proportions needs."""
    if width * height > MAX_PIXELS:
        raise ValueError(f"too long and thin: to prepare it takes {width:,} x {height:,} pixels")


def resize_by_torch(image: Image.Image, size: tuple[int, int], resample: Image.Resampling) -> Image.Image:
    """Resize to (width, height) by PyTorch's uint8 kernel, which rounds its weights otherwise than Pillow."""
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]  # (1, 3, H, W), channels last in memory
    resized = interpolate(pixels, size=size[::-1], mode=TORCH_MODES[resample], antialias=True)
    return Image.fromarray(resized[0].permute(1, 2, 0).numpy())


def shortest_edge_size(size: tuple[int, int], edge: int) -> tuple[int, int]:
    """(width, height) scaled so that the shorter one is `edge`; the longer one is rounded down."""
    width, height = size
    if width <= height:
        return edge, int(edge * height / width)
    return int(edge * width / height), edge


def center_crop(image: Image.Image, side: int) -> Image.Image:
    """The middle `side` x `side` pixels; outside the image they are black."""
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))


def _side(key: str, size: Any) -> Any:
    """The pixels of a size, which old processors write as a number, new ones as an object with this key."""
    if isinstance(size, dict) and key not in size:
        raise ValueError(f"a size, {size!r:.60}, must be a number or have {key}")
    return size[key] if isinstance(size, dict) else size


ProcessorType = Literal[
    "CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPImageProcessorPil", "CLIPFeatureExtractor",
    "LlavaImageProcessor", "LlavaImageProcessorFast", "LlavaImageProcessorPil",
]  # fmt: skip
Side = Annotated[int, Field(ge=1, le=4096)]  # pixels
Mean = Annotated[float, Field(ge=-1000, le=1000)]  # of values from 0 to 1, or to 255
Std = Annotated[float, Field(gt=0, le=1000)]


class PreprocessorConfig(HFConfig):
    """preprocessor_config.json of a CLIP folder, with the defaults of transformers' CLIPImageProcessor."""

    image_processor_type: ProcessorType = "CLIPImageProcessor"  # checked alone, as the next
    feature_extractor_type: ProcessorType = "CLIPImageProcessor"
    size: Annotated[Side, BeforeValidator(partial(_side, "shortest_edge"))] | None = None  # None: the tower's
    crop_size: Annotated[Side, BeforeValidator(partial(_side, "height"))] | None = None
    image_mean: Annotated[tuple[Mean, Mean, Mean], Field(strict=False)] = CLIP_MEAN
    image_std: Annotated[tuple[Std, Std, Std], Field(strict=False)] = CLIP_STD
    resample: Annotated[int, Field(ge=0, le=max(Image.Resampling))] = Image.Resampling.BICUBIC
    rescale_factor: Annotated[float, Field(gt=0, le=1)] = 1 / 255


def read_processor(tower: Path, image_size: int, squaring: Squaring = "none") -> ImageProcessor:
    """The processor that a tower's preprocessor_config.json describes; CLIP's own for its image size if there is none.

    Raises UserError for a file that does not describe CLIP's preprocessing, or crops to another size than the tower's.
    """
    path = tower / "preprocessor_config.json"
    return parse_processor(read_json_object(path) if path.is_file() else {}, path, image_size, squaring)


def parse_processor(content: Mapping[str, Any], path: Path, image_size: int, squaring: Squaring) -> ImageProcessor:
    """The processor that the JSON object of a file describes. Raises UserError like `read_processor`."""
    for step in ("do_resize", "do_center_crop", "do_rescale", "do_normalize"):
        if not content.get(step, True):
            raise UserError(f"{path}: {step}: false is not CLIP's preprocessing")
    config = parse_config(PreprocessorConfig, content, path)
    crop = config.crop_size or image_size
    if crop != image_size:
        raise UserError(f"{path}: crop_size {crop} does not fit the tower's image_size {image_size}")
    return ImageProcessor(
        size=config.size or image_size,
        crop_size=crop,
        image_mean=config.image_mean,
        image_std=config.image_std,
        resample=config.resample,
        rescale_factor=config.rescale_factor,
        squaring=squaring,
    )
