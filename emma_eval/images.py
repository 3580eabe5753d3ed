"""Pictures that are opened only when they are needed: a file, encoded bytes from a data set's row, or several in one.

They open the picture in its own mode (the model converts to RGB) and raise SampleError when that fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.errors import SampleError

if TYPE_CHECKING:
    from PIL.Image import Image

    from emma_eval.types import ImageSource


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A picture on disk. Folder and name are joined late: a benchmark has hundreds of thousands of them."""

    folder: Path
    name: str  # relative to the folder, checked by the reader not to leave it

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
        return self.path.is_file()

    def open(self) -> Image:
        """The decoded picture. Raises SampleError naming the file."""
        return _decode(self.path, self.label)


@dataclass(frozen=True, slots=True)
class ImageBytes:
    """A picture held in a row of a data set; `load` fetches its encoded bytes (PNG, JPEG, ...)."""

    label: str
    load: Callable[[], bytes]
    known_as: str = ""  # where several rows hold one picture

    @property
    def name(self) -> str:
        """The picture's own name if it is known, else the row's."""
        return self.known_as or self.label

    def exists(self) -> bool:
        """Whether the row holds anything."""
        try:
            return bool(self.load())
        except (OSError, ValueError):
            return False

    def open(self) -> Image:
        """The decoded picture. Raises SampleError naming the row."""
        try:
            data = self.load()
        except (OSError, ValueError) as error:
            raise SampleError(f"{self.label}: the picture's data cannot be read: {error}") from error
        return _decode(BytesIO(data), self.label)


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Several pictures pasted into one from left to right, top edges aligned on black, as EMMA's scripts do it."""

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
        """The pasted picture, in RGB. Raises SampleError naming the part that cannot be read."""
        from PIL import Image

        pictures = [part.open().convert("RGB") for part in self.parts]
        width = sum(picture.width for picture in pictures)
        canvas = Image.new("RGB", (width, max(picture.height for picture in pictures)))
        left = 0
        for picture in pictures:
            canvas.paste(picture, (left, 0))
            left += picture.width
        return canvas


@dataclass(frozen=True, slots=True)
class Unpadded:
    """An image that a model must not pad to a square, whatever its configuration says: a wording's own way."""

    image: ImageSource

    @property
    def name(self) -> str:
        """The image's name."""
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


def _decode(source: Path | BytesIO, label: str) -> Image:
    from PIL import Image

    try:
        with Image.open(source) as image:
            image.load()  # Pillow decodes late; a truncated file must be noticed here
            return image.copy()
    except FileNotFoundError as error:
        raise SampleError(f"{label}: no such image file") from error
    except Exception as error:  # Pillow's decoders raise whatever they stumble over
        raise SampleError(f"{label}: not a readable image: {error}") from error
