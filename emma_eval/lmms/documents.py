"""The documents of one split of a task of lmms-eval, and their images, which are decoded when they are needed.

How many images a document shows must be known before the first is decoded. So a task's `doc_to_visual` first gets
stand-ins: images of which Pillow has read the header alone, and which convert to RGB by staying as they are. What it
gives back unchanged is the row's own image, and equal images of several rows (POPE asks six times about each) are one.
Anything else (a crop, a drawing) is made again by `doc_to_visual` when it is opened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emma_eval.errors import SampleError, UserError
from emma_eval.utils.text import error_message

if TYPE_CHECKING:
    from PIL.Image import Image

DocToVisual = Callable[[Any], Any]  # a document -> images, paths, ..., or None
IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tiff", ".webp"})


@dataclass(frozen=True, slots=True)
class DocumentImage:
    """An image of a document. Two are the same where their `name` is."""

    name: str  # SHA-256 of the encoded image, or its task, document and place
    label: str = field(compare=False)
    load: Callable[[], Any] = field(repr=False, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """In another process it is its pixels, or the reason why there are none."""
        try:
            load: Callable[[], Any] = _Pixels(_as_png(self.open()))
        except SampleError as error:
            load = _Unreadable(str(error))
        return DocumentImage, (self.name, self.label, load)

    def exists(self) -> bool:
        """Whether it can be opened."""
        try:
            self.open()
        except SampleError:
            return False
        return True

    def open(self) -> Image:
        """The decoded image. Raises SampleError naming the document."""
        try:
            image = self.load()
            image.load()
        except SampleError:
            raise
        except Exception as error:  # a task's own functions may raise anything
            raise SampleError(f"{self.label}: not a readable image: {error_message(error)}") from error
        opened: Image = image
        return opened


@dataclass(frozen=True, slots=True)
class _Pixels:
    """An image as PNG; called, it gives the image."""

    png: bytes

    def __call__(self) -> Any:
        from PIL import Image

        return Image.open(BytesIO(self.png))


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Why there is no image; called, it says so."""

    reason: str

    def __call__(self) -> Any:
        raise SampleError(self.reason)


class Documents:
    """The rows of one split, a `datasets.Dataset`."""

    def __init__(self, rows: Any, task: str) -> None:
        self.rows, self.task = rows, task
        self._columns = dict(_image_columns(rows))
        self._encoded = rows.with_format("arrow")  # nothing is decoded

    def images(self, index: int, doc_to_visual: DocToVisual) -> tuple[DocumentImage, ...]:
        """The images that a document shows, none of them decoded. Raises UserError for video, audio and the like.

        A document of which this fails has one image, which cannot be opened, so that its own request fails.
        """
        stand_ins: dict[int, DocumentImage] = {}
        keep: list[Any] = []  # so that no two have one id()
        try:
            row = self._row(index)
            for name in self._columns:
                row[name] = self._stand_in(row[name], index, name, stand_ins, keep)
            visuals = flatten(doc_to_visual(row))
        except Exception:  # a task's own function may need more than stand-ins, or the row is broken
            visuals = self._decoded_visuals(index, doc_to_visual)
        return tuple(
            stand_ins.get(id(visual)) or self._made(visual, index, place, doc_to_visual)
            for place, visual in enumerate(visuals)
        )

    def _decoded_visuals(self, index: int, doc_to_visual: DocToVisual) -> list[Any]:
        """What the function gives for the decoded row; [None] where that fails too."""
        try:
            return flatten(doc_to_visual(self.rows[index]))
        except Exception:  # as it will again when the image is opened, whose sample then fails with the reason
            return [None]

    def _row(self, index: int) -> dict[str, Any]:
        """A row as it is stored: images encoded."""
        row: dict[str, Any] = self._encoded[index].to_pylist()[0]
        return row

    def _stand_in(self, cell: Any, index: int, name: str, found: dict[int, DocumentImage], keep: list[Any]) -> Any:
        """The cell with stand-ins for its images; `found` gets each one's DocumentImage by its id()."""
        if cell is None:
            return None
        if isinstance(cell, list):
            return [self._stand_in(one, index, f"{name} {place}", found, keep) for place, one in enumerate(cell)]
        data = cell["bytes"] if cell["bytes"] is not None else Path(cell["path"]).read_bytes()
        image = _HeaderOnly(data)
        keep.append(image)
        column, _, places = name.partition(" ")
        digest = hashlib.sha256(data).hexdigest()
        found[id(image.stand_in)] = DocumentImage(
            digest, f"{self.task}, document {index}, {name}", lambda: self._decoded(index, column, places)
        )
        return image.stand_in

    def _decoded(self, index: int, column: str, places: str) -> Any:
        """One image as the data set itself decodes it."""
        cell, feature = self._row(index)[column], self._columns[column]
        for place in places.split():
            cell, feature = cell[int(place)], feature.feature
        return feature.decode_example(cell)

    def _made(self, visual: Any, index: int, place: int, doc_to_visual: DocToVisual) -> DocumentImage:
        """An image that `doc_to_visual` makes, anew whenever it is opened."""
        label = f"{self.task}, document {index}, image {place}"
        _require_image(visual, label)
        return DocumentImage(label, label, lambda: _opened(flatten(doc_to_visual(self.rows[index]))[place], label))


class _HeaderOnly:
    """An image of which the header alone is read."""

    def __init__(self, data: bytes) -> None:
        from PIL import Image

        image = Image.open(BytesIO(data))
        convert = image.convert

        def stay(mode: str | None = None, *args: Any, **options: Any) -> Any:
            return image if mode == "RGB" and not args and not options else convert(mode, *args, **options)

        image.convert = stay  # type: ignore[method-assign]
        self.stand_in = image


def _as_png(image: Image) -> bytes:
    """The pixels as models see them, packed without loss and quickly."""
    buffer = BytesIO()
    image.convert("RGB").save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def flatten(visuals: Any) -> list[Any]:
    """What `doc_to_visual` gave as a list of single visuals: it may be None, or lists within a list."""
    if visuals is None:
        return []
    if not isinstance(visuals, list | tuple):
        return [visuals]
    return [one for visual in visuals for one in (flatten(visual) if isinstance(visual, list | tuple) else [visual])]


def _require_image(visual: Any, label: str) -> None:
    """Raise UserError for what a task shows that is known to be no image."""
    if visual is None or hasattr(visual, "convert"):
        return
    if isinstance(visual, str) and Path(visual).suffix.lower() in IMAGE_SUFFIXES:
        return
    what = f"the file {visual!r:.80}" if isinstance(visual, str) else f"a {type(visual).__name__}"
    raise UserError(f"{label}: {what} is no image; video and audio cannot be asked about here")


def _opened(visual: Any, label: str) -> Any:
    """The image itself, or the one at a path."""
    _require_image(visual, label)
    if isinstance(visual, str):
        from PIL import Image

        return Image.open(visual)
    if visual is None:
        raise ValueError("there is none")
    return visual


def _image_columns(rows: Any) -> Iterator[tuple[str, Any]]:
    """(name, feature) of the columns that hold an image, or a list of them."""
    from datasets import Image

    for name, feature in rows.features.items():
        inner = feature
        while hasattr(inner, "feature"):
            inner = inner.feature
        if isinstance(inner, Image) and inner.decode:
            yield name, feature
