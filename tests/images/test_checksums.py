"""A PNG says by its checksums what its bytes were; Pillow's decoder skips those of the pixels."""

import contextlib
import io
import zlib

import numpy as np
import pytest
from PIL import Image

from emma_eval.errors import SampleError
from emma_eval.images.sources import ImageBytes, ImageFile, open_rgb
from tests.fakes import make_image


def encoded(**options) -> bytes:
    buffer = io.BytesIO()
    make_image(60, 40).save(buffer, "PNG", **options)
    return buffer.getvalue()


def pixels_place(data: bytes) -> int:
    """A place within the compressed pixels, behind the chunk's name and the stream's head."""
    return data.index(b"IDAT") + 40


@pytest.mark.parametrize("as_file", [True, False])
def test_a_png_with_a_changed_byte_is_refused(tmp_path, as_file):
    data = bytearray(encoded())
    data[pixels_place(bytes(data))] ^= 1
    (tmp_path / "a.png").write_bytes(data)
    image = ImageFile(tmp_path, "a.png") if as_file else ImageBytes("row 7", lambda: bytes(data))
    with pytest.raises(SampleError, match=r"(a\.png|row 7): not a readable image: broken PNG file .*IDAT"):
        open_rgb(image)


def test_wherever_zeros_change_the_pixels_it_is_refused():
    """Why it is looked for: decoding alone takes some damage for another picture."""
    data = encoded()
    clean = np.asarray(open_rgb(ImageBytes("row 7", lambda: data)))
    silent = 0
    for place in range(8, len(data) - 20, 30):
        changed = data[:place] + bytes(20) + data[place + 20 :]
        with contextlib.suppress(Exception), Image.open(io.BytesIO(changed)) as image:
            silent += not np.array_equal(np.asarray(image.convert("RGB")), clean)
        with pytest.raises(SampleError):
            open_rgb(ImageBytes("row 7", lambda data=changed: data))
    assert silent > 0


def test_a_whole_png_opens_whatever_its_chunks():
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("comment", "x" * 3000, zip=True)
    image = open_rgb(ImageBytes("row 7", lambda: encoded(pnginfo=info)))
    assert (np.asarray(image) == np.asarray(make_image(60, 40))).all()


def test_a_png_without_its_end_is_cut_off():
    data = encoded()
    assert data.endswith(b"IEND" + zlib.crc32(b"IEND").to_bytes(4, "big"))
    with pytest.raises(SampleError, match="not a readable image"):
        open_rgb(ImageBytes("row 7", lambda: data[:-12]))
