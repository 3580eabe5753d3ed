"""Images are opened late, in their own mode, and fail as SampleErrors that name them."""

import pytest
from PIL import Image

from emma_eval.errors import SampleError
from emma_eval.images.sources import (
    ConcatenatedImage,
    ImageBytes,
    ImageFile,
    image_size,
    naming,
    open_rgb,
    open_small,
    zero_filled,
)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_the_mode_is_kept(mode, tmp_path):
    Image.new(mode, (4, 3)).save(tmp_path / "a.png")
    image = ImageFile(tmp_path, "a.png").open()
    assert (image.mode, image.size) == (mode, (4, 3))


def test_a_file_and_its_bytes_are_the_same_image(tmp_path):
    Image.linear_gradient("L").save(tmp_path / "a.png")
    from_bytes = ImageBytes("row 1", (tmp_path / "a.png").read_bytes).open()
    assert from_bytes.tobytes() == ImageFile(tmp_path, "a.png").open().tobytes()


def test_a_truncated_file_fails_with_its_name(tmp_path):
    Image.effect_noise((64, 64), 50).save(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(SampleError, match=r"a\.jpg: not a readable image"):
        ImageFile(tmp_path, "a.jpg").open()


def test_a_jpeg_that_a_download_left_half_empty_is_told_though_it_decodes(tmp_path):
    Image.effect_noise((64, 64), 50).save(tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    image = ImageFile(tmp_path, "a.jpg")
    assert zero_filled(image) == ""
    image.path.write_bytes(data + bytes(1000))  # as some cameras do
    assert zero_filled(image) == ""
    image.path.write_bytes(data[:1000] + bytes(len(data) - 1000))
    image.open()
    zeros = len(data) - len(image.path.read_bytes().rstrip(bytes(1)))
    assert f"a.jpg: not a whole image: its last {zeros:,} of {len(data):,} bytes are zeros" in zero_filled(image)


@pytest.mark.parametrize(
    ("size", "side", "opened"),
    [
        ((640, 480), 176, (320, 240)),
        ((480, 640), 176, (240, 320)),
        ((1408, 100), 176, (176, 13)),
        ((200, 9), 176, (200, 9)),
    ],
)
def test_a_jpeg_may_be_opened_smaller_but_not_below_the_side(size, side, opened, tmp_path):
    """JPEG decodes at 1/2, 1/4 and 1/8, rounded up."""
    Image.new("RGB", size, "red").save(tmp_path / "a.jpg")
    image = open_small(ImageFile(tmp_path, "a.jpg"), side)
    assert image.size == opened
    assert ImageFile(tmp_path, "a.jpg").open().size == size
    Image.new("RGB", size, "red").save(tmp_path / "a.png")
    assert open_small(ImageFile(tmp_path, "a.png"), side).size == size


def test_a_missing_file_fails_with_its_name(tmp_path):
    with pytest.raises(SampleError, match=r"a\.jpg: no such image file"):
        ImageFile(tmp_path, "a.jpg").open()


def test_bytes_that_are_no_image_fail_with_their_label():
    with pytest.raises(SampleError, match=r"data\.tsv, index 7: not a readable image"):
        ImageBytes("data.tsv, index 7", lambda: b"nothing").open()


def test_bytes_that_cannot_be_loaded_fail_with_their_label():
    with pytest.raises(SampleError, match="row 7: the image's data cannot be read"):
        ImageBytes("row 7", lambda: (_ for _ in ()).throw(OSError("gone"))).open()


def test_images_side_by_side_on_black_with_their_tops_in_line(tmp_path):
    Image.new("RGB", (2, 3), "red").save(tmp_path / "a.png")
    Image.new("L", (1, 1), 255).save(tmp_path / "b.png")
    pasted = ConcatenatedImage((ImageFile(tmp_path, "a.png"), ImageFile(tmp_path, "b.png")))
    assert pasted.exists()
    assert pasted.name == "a.png + b.png"
    red, white, black = (255, 0, 0), (255, 255, 255), (0, 0, 0)
    rows = [[red, red, white], [red, red, black], [red, red, black]]
    image = pasted.open()
    assert [[image.getpixel((x, y)) for x in range(3)] for y in range(3)] == rows


def test_a_missing_part_fails_with_its_name(tmp_path):
    Image.new("RGB", (2, 3)).save(tmp_path / "a.png")
    pasted = ConcatenatedImage((ImageFile(tmp_path, "a.png"), ImageFile(tmp_path, "b.png")))
    assert not pasted.exists()
    with pytest.raises(SampleError, match=r"b\.png: no such image file"):
        pasted.open()


def test_what_models_read_is_rgb(tmp_path):
    Image.new("P", (4, 3)).save(tmp_path / "a.png")
    assert open_rgb(ImageFile(tmp_path, "a.png")).mode == "RGB"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("broken data stream"), "unreadable image: broken data stream"),
        (ValueError("bad value"), "unreadable image: bad value"),
        (MemoryError(), "no memory to decode the image in"),
    ],
)
def test_an_error_while_an_image_is_prepared_names_it(error, reason, tmp_path):
    with pytest.raises(SampleError, match=rf"a\.png: {reason}"), naming(ImageFile(tmp_path, "a.png")):
        raise error


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_size_is_read_from_an_images_head(kind, tmp_path):
    path = tmp_path / f"a.{kind}"
    Image.effect_noise((40, 30), 50).save(path, kind)
    path.write_bytes(path.read_bytes()[:-200])  # decoding would fail
    assert image_size(ImageFile(tmp_path, path.name)) == (40, 30)
    assert image_size(ImageBytes("row 1", path.read_bytes)) == (40, 30)


def test_the_size_of_images_side_by_side_and_of_what_is_no_image(tmp_path):
    Image.new("RGB", (2, 3)).save(tmp_path / "a.png")
    part = ImageFile(tmp_path, "a.png")
    assert image_size(ConcatenatedImage((part, part))) == (4, 3)
    with pytest.raises(SampleError, match="row 1: not a readable image"):
        image_size(ImageBytes("row 1", lambda: b"nothing"))
    with pytest.raises(SampleError, match=r"b\.png: no such image file"):
        image_size(ImageFile(tmp_path, "b.png"))
