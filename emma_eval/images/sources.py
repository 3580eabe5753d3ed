"""Image sources, opened only when they are needed: a file, encoded bytes in a data set's row, several images in one.

`open` gives the image in its own mode (the model converts to RGB) and raises SampleError when that fails, whatever the
file or the row holds instead of an image.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emma_eval.errors import SampleError, UserError
from emma_eval.utils.data_roots import require_inside_data_root
from emma_eval.utils.file_errors import describe_error
from emma_eval.utils.files import content_hint, read_bytes
from emma_eval.utils.text import error_message, format_bytes

if TYPE_CHECKING:
    from PIL.Image import Image

    from emma_eval.types import ImageSource

MAX_IMAGE_BYTES = 2**29  # encoded
MAX_PIXELS = 2 * 89_478_485  # above it Pillow, too, speaks of a decompression bomb
_TRAILER_BYTES = 2**12  # what else may follow the end of a JPEG
_EXTERNAL_FORMATS = ("EPS", "WMF")  # Pillow starts another program to draw them, which no image may do


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image on disk. Folder and name are joined late, for a benchmark has hundreds of thousands of them."""

    folder: Path
    name: str  # relative to the folder; the reader has checked that it stays inside

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self.folder / self.name

    @property
    def label(self) -> str:
        """The file's path."""
        return str(self.path)

    def exists(self) -> bool:
        """Whether the file is there."""
        try:
            return self.path.is_file()
        except (OSError, ValueError):
            return False

    def open(self) -> Image:
        """The decoded image. Raises SampleError naming the file."""
        return decode(self.read(), self.label)

    def read(self) -> bytes:
        """The encoded image. Raises SampleError naming the file."""
        try:
            require_inside_data_root(self.path)
            return read_bytes(self.path, MAX_IMAGE_BYTES)
        except FileNotFoundError as error:
            raise SampleError(f"{self.label}: no such image file") from error
        except UserError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                raise SampleError(f"{self.label}: no such image file") from error
            raise SampleError(str(error)) from error
        except (OSError, ValueError) as error:  # ValueError: a name that no file can have
            raise SampleError(f"{self.label}: cannot be read: {describe_error(error)}") from error


@dataclass(frozen=True, slots=True)
class ImageBytes:
    """An image in a row of a data set; `load` returns its encoded bytes (PNG, JPEG, ...)."""

    label: str
    load: Callable[[], bytes] = field(repr=False)
    image_name: str = ""  # of the image itself, where several rows hold it

    @property
    def name(self) -> str:
        """The image's own name if it is known, else the row's."""
        return self.image_name or self.label

    def exists(self) -> bool:
        """Whether the row holds anything."""
        try:
            return bool(self.load())
        except Exception:  # see `open`
            return False

    def open(self) -> Image:
        """The decoded image. Raises SampleError naming the row."""
        return decode(self.read(), self.label)

    def read(self) -> bytes:
        """The encoded image. Raises SampleError naming the row."""
        try:
            return self.load()
        except Exception as error:  # a cell may hold anything, and Arrow has errors of its own
            raise SampleError(f"{self.label}: the image's data cannot be read: {describe_error(error)}") from error


@dataclass(frozen=True, slots=True)
class ConcatenatedImage:
    """Several images side by side in one, top edges aligned, on black, as EMMA's scripts do it."""

    parts: tuple[ImageSource, ...]

    @property
    def name(self) -> str:
        """The parts' names."""
        return " + ".join(part.name for part in self.parts)

    @property
    def label(self) -> str:
        """The parts' labels."""
        return " + ".join(part.label for part in self.parts)

    def exists(self) -> bool:
        """Whether all of the parts are there."""
        return all(part.exists() for part in self.parts)

    def open(self) -> Image:
        """The combined image, in RGB. Raises SampleError naming the part that cannot be read or makes it too large."""
        from PIL import Image

        images: list[Image.Image] = []
        width = height = 0
        for part in self.parts:
            image = part.open()
            width, height = width + image.width, max(height, image.height)
            if width * height > MAX_PIXELS:
                raise SampleError(
                    f"{part.label}: {len(self.parts)} images side by side are too large: the first "
                    f"{len(images) + 1} make {width:,} x {height:,} pixels, and {MAX_PIXELS:,} are the most"
                )
            images.append(image.convert("RGB"))
        canvas = Image.new("RGB", (width, height))
        left = 0
        for image in images:
            canvas.paste(image, (left, 0))
            left += image.width
        return canvas


@dataclass(frozen=True, slots=True)
class WrappedImage:
    """Base of images that are made of another when they are opened: it is named, and there, as that one is."""

    image: ImageSource

    @property
    def name(self) -> str:
        """The image's name; a subclass that changes pixels says so here, for equal names are equal images."""
        return self.image.name

    @property
    def label(self) -> str:
        """The image's label."""
        return self.image.label

    def exists(self) -> bool:
        """Whether the image is there."""
        return self.image.exists()

    def open(self) -> Image:
        """The decoded image. Raises SampleError if it cannot be read."""
        return self.image.open()


@dataclass(frozen=True, slots=True)
class UnpaddedImage(WrappedImage):
    """An image that a model must not pad to a square, whatever its configuration says; a task's wording asks for it."""


def keep_unpadded(image: ImageSource, change: Callable[[ImageSource], ImageSource]) -> ImageSource:
    """The image changed; one that must not be padded stays so, which the model sees by its class."""
    return replace(image, image=change(image.image)) if isinstance(image, UnpaddedImage) else change(image)


def image_size(image: ImageSource) -> tuple[int, int]:
    """Width and height, by an encoded image's head alone. Raises SampleError if it cannot be read."""
    if isinstance(image, ImageFile | ImageBytes):
        with suppress(Exception), _pillow().open(BytesIO(image.read())) as opened:
            width, height = opened.size
            return width, height
    return image.open().size


def open_rgb(image: ImageSource) -> Image:
    """The decoded image, in RGB. Raises SampleError if it cannot be read."""
    with naming(image):
        return image.open().convert("RGB")


@contextmanager
def naming(image: ImageSource) -> Iterator[None]:
    """Whatever Pillow raises as a broken or huge image is opened and prepared becomes SampleError, with its label."""
    try:
        yield
    except (OSError, SyntaxError, ValueError) as error:
        raise SampleError(f"{image.label}: unreadable image: {error}") from error
    except MemoryError as error:
        raise SampleError(f"{image.label}: no memory to decode the image in") from error


def open_small(image: ImageSource, side: int) -> Image:
    """The decoded image; of a JPEG a half, a quarter or an eighth, if its longer side has `side` pixels then still.

    It is for thumbnails, and takes half the time. Raises SampleError if the image cannot be read.
    """
    if isinstance(image, ImageFile | ImageBytes):
        return decode(image.read(), image.label, side)
    return image.open()


def decode(data: bytes, label: str, side: int | None = None) -> Image:
    """The image that these bytes encode; with `side` a smaller one may do, see `open_small`.

    Raises SampleError, naming the label, if they encode none.
    """
    from PIL import UnidentifiedImageError

    if not data:
        raise SampleError(f"{label}: not a readable image: it is empty")
    try:
        return _open_with_pillow(data, side)
    except UnidentifiedImageError as error:
        reason = content_hint(data).removeprefix("; ") or f"its {format_bytes(len(data))} are of no known image format"
        raise SampleError(f"{label}: not a readable image: {reason}") from error
    except MemoryError as error:
        raise SampleError(f"{label}: {describe_error(error)}") from error
    except Exception as error:  # Pillow's decoders raise many kinds
        raise SampleError(f"{label}: not a readable image: {error_message(error)}") from error


def zero_filled(image: ImageSource) -> str:
    """Why an image that can be decoded is not whole: a JPEG of which a download left zero bytes. Empty if it is whole.

    Decoders paint what is missing grey and say nothing. Zeros behind the end, as some cameras write, are harmless.
    """
    data = image.read() if isinstance(image, ImageFile | ImageBytes) else b""
    if not (data.startswith(b"\xff\xd8") and data.endswith(b"\0\0")):
        return ""
    whole = data.rstrip(b"\0")
    if b"\xff\xd9" in whole[-_TRAILER_BYTES:]:
        return ""
    return f"{image.label}: not a whole image: its last {len(data) - len(whole):,} of {len(data):,} bytes are zeros"


def image_format(data: bytes) -> str | None:
    """Pillow's name of the format of an image that `decode` takes; None for one of several frames."""
    with _pillow().open(BytesIO(data)) as image:
        is_single = image.format == "MPO" or getattr(image, "n_frames", 1) == 1  # of an MPO all readers take the first
        return str(image.format) if is_single else None


def _open_with_pillow(data: bytes, side: int | None) -> Image:
    with _pillow().open(BytesIO(data)) as image:
        if image.format in _EXTERNAL_FORMATS:
            raise ValueError(f"{image.format} is no format of photographs")
        if side is not None:
            longer = max(image.size)
            image.draft(None, tuple(side * length // longer for length in image.size))
        image.load()  # Pillow decodes late; a truncated file must be noticed here
        copied: Image = image.copy()
        return copied


@cache
def _pillow() -> Any:
    """Pillow's module, without its warning at half of MAX_PIXELS."""
    from PIL import Image

    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    return Image
