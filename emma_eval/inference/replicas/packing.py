"""Requests as bytes for another process, which has no access to the tables that data were read from.

An image file is sent as its path, an image in a row of a table as its encoded bytes, read now; whatever else cannot be
sent is opened here. The bytes of a lease are bounded, so one of large images is cut; its other groups come later.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

from emma_eval.errors import SampleError, UserError
from emma_eval.images.sources import ConcatenatedImage, ImageBytes, ImageFile, UnpaddedImage
from emma_eval.types import Request
from emma_eval.utils.text import error_message

if TYPE_CHECKING:
    from PIL.Image import Image

    from emma_eval.types import ImageSource

MAX_PACKED_BYTES = 2**26
PICKLED = (ImageFile, ConcatenatedImage, UnpaddedImage)


@dataclass(frozen=True, slots=True)
class _Encoded:
    """An image's bytes; called, it gives them."""

    data: bytes

    def __call__(self) -> bytes:
        return self.data


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Why there are no bytes; called, it raises that again, so that the sample fails with the reason it would have."""

    error: Exception

    def __call__(self) -> bytes:
        raise self.error


@dataclass(frozen=True, slots=True)
class _Opened:
    """An image that was opened here, or the reason why it could not be. The same name is the same image."""

    name: str
    label: str = field(compare=False)
    image: Image | None = field(compare=False)
    reason: str = field(compare=False)

    def exists(self) -> bool:
        return self.image is not None

    def open(self) -> Image:
        if self.image is None:
            raise SampleError(self.reason)
        return self.image


class _Pickler(pickle.Pickler):
    """Puts an image's bytes in place of the function that reads them."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, ImageBytes):
            return self._bytes(value)
        is_image = hasattr(value, "open") and hasattr(value, "label") and not isinstance(value, type)
        return _opened(value) if is_image and type(value) not in PICKLED and not _pickles(value) else NotImplemented

    def _bytes(self, value: ImageBytes) -> Any:
        load: Callable[[], bytes]
        try:
            load = _Encoded(bytes(value.load()))
        except Exception as error:  # a cell may hold anything, see ImageBytes.open
            load = _Unreadable(error)
        return ImageBytes, (value.label, load, value.image_name)


def _pickles(value: Any) -> bool:
    try:
        pickle.dumps(value)
    except (pickle.PicklingError, TypeError, AttributeError):
        return False
    return True


def _opened(value: ImageSource) -> Any:
    try:
        return _Opened, (value.name, value.label, value.open(), "")
    except SampleError as error:
        return _Opened, (value.name, value.label, None, str(error))


def pack(groups: Sequence[Sequence[Request]]) -> tuple[bytes, int]:
    """The first groups as bytes, and how many they are: all, or those that fit into MAX_PACKED_BYTES; at least one.

    Raises UserError for a request that another process cannot be given.
    """
    buffer = BytesIO()
    pickler = _Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL)
    count = 0
    for group in groups:
        try:
            pickler.dump(list(group))
        except (pickle.PicklingError, TypeError, AttributeError, RecursionError) as error:
            raise UserError(
                f"sample {group[0].sample_id}: its images cannot be sent to another process ({error_message(error)}); "
                "run without --replicas and --ray, or let the reader give image sources that pickle"
            ) from error
        count += 1
        if buffer.tell() >= MAX_PACKED_BYTES:
            break
    return buffer.getvalue(), count


def unpack(data: bytes) -> list[Request]:
    """The requests of `pack`, in their order."""
    requests: list[Request] = []
    unpickler = pickle.Unpickler(buffer := BytesIO(data))  # noqa: S301 - from the run's own process
    while buffer.tell() < len(data):
        requests += unpickler.load()
    return requests
