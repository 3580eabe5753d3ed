"""Requests for another process: what they say survives, wherever their images are."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL.Image import Image

from emma_eval.errors import SampleError, UserError
from emma_eval.images.sources import ConcatenatedImage, ImageBytes, ImageFile, UnpaddedImage
from emma_eval.inference.replicas import packing
from emma_eval.inference.replicas.packing import pack, unpack
from emma_eval.types import ImageSource, Request
from tests.fakes import make_image


def of(*images: ImageSource, sample: str = "7") -> Request:
    return Request(sample, 2, "<image>" * len(images) + "What?", "What?", images, 16)


def row(label: str, path: Path) -> ImageBytes:
    def load() -> bytes:  # as of the hub's tables: a function that no other process can be given
        return path.read_bytes()

    return ImageBytes(label, load, "kite")


@pytest.fixture
def png(tmp_path: Path) -> Path:
    make_image(5, 3).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def test_a_request_on_files_stays_equal(png: Path) -> None:
    requests = [of(ImageFile(png.parent, png.name)), of(UnpaddedImage(ImageFile(png.parent, "b.png")))]
    data, count = pack([requests])
    assert (unpack(data), count) == (requests, 1)


def test_a_tables_image_comes_as_its_bytes_wherever_it_stands(png: Path) -> None:
    image = row("row 3", png)
    (request,) = unpack(pack([[of(image, ConcatenatedImage((image, image)))]])[0])
    png.unlink()
    first, both = request.images
    assert (first.label, first.name, first.open().size) == ("row 3", "kite", (5, 3))
    assert both.open().size == (10, 3)


def test_requests_on_one_image_still_share_it(png: Path) -> None:
    image = row("row 3", png)
    first, second, other = unpack(pack([[of(image), of(image)], [of(row("row 4", png))]])[0])
    assert first.images == second.images
    assert hash(first.images) == hash(second.images)
    assert first.images != other.images


def test_an_unreadable_image_fails_there_with_the_reason_it_has_here(tmp_path: Path) -> None:
    image = row("row 3", tmp_path / "missing.png")
    with pytest.raises(SampleError) as here:
        image.open()
    (request,) = unpack(pack([[of(image)]])[0])
    with pytest.raises(SampleError) as there:
        request.images[0].open()
    assert str(there.value) == str(here.value)
    assert "row 3" in str(here.value)


def test_a_lease_of_large_images_is_cut_between_groups(png: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "MAX_PACKED_BYTES", 2 * png.stat().st_size)
    groups = [[of(row(f"row {number}", png), sample=str(number))] * 2 for number in range(6)]
    data, count = pack(groups)
    assert 1 <= count < 6
    assert [one.sample_id for one in unpack(data)] == [str(number) for number in range(count) for _ in range(2)]


class Made:
    """An image of a reader's own, which only its own process can make."""

    def __init__(self, name: str, error: str = "") -> None:
        self.name, self.label, self.error = name, f"image {name}", error
        self.make = lambda: make_image(5, 3)

    def exists(self) -> bool:
        return not self.error

    def open(self) -> Image:
        if self.error:
            raise SampleError(self.error)
        return self.make()


def test_an_image_that_only_this_process_can_open_comes_opened() -> None:
    image = Made("a")
    first, second, broken = unpack(pack([[of(image), of(image), of(Made("b", "image b: too dark"))]])[0])
    assert first.images == second.images != broken.images
    assert first.images[0].label == "image a"
    assert first.images[0].open().tobytes() == make_image(5, 3).tobytes()
    with pytest.raises(SampleError, match=r"^image b: too dark$"):
        broken.images[0].open()


def test_what_cannot_be_sent_at_all_is_refused_in_words() -> None:
    class Local:
        name = "x"

    with pytest.raises(UserError, match=r"sample 7: its images cannot be sent.*--replicas"):
        pack([[of(Local())]])  # type: ignore[arg-type]
