"""Corruptions against imagecorruptions' own values (see imagecorruptions_values.py), and what they promise besides."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emma_eval.errors import SampleError, UserError
from emma_eval.images.sources import ImageFile, UnpaddedImage
from emma_eval.robustness.corruptions import FAMILIES, LEFT_OUT, CorruptedImage, Corruption, corrupt, corrupted
from emma_eval.robustness.shown_images import images_of_variant
from emma_eval.tasks.loading import load_task
from emma_eval.types import Sample
from tests.robustness.imagecorruptions_values import FILE, SEED, drawn_image

ALL = [Corruption(family, severity) for family in FAMILIES for severity in (1, 2, 3, 4, 5)]


class OldRandom(np.random.RandomState):
    """NumPy's old generator, whose global copy the reference draws from, by the names of the new one."""

    integers = np.random.RandomState.randint


def photograph(width: int = 48, height: int = 32) -> Image.Image:
    return Image.fromarray(np.random.default_rng(3).integers(0, 255, (height, width, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def reference() -> dict[str, np.ndarray]:
    with np.load(FILE) as values:
        return dict(values)


@pytest.mark.parametrize("corruption", ALL, ids=lambda one: one.name)
def test_a_corruption_equals_the_reference(corruption: Corruption, reference: dict[str, np.ndarray]) -> None:
    """To the last bit, but where a value is a whole number up to rounding, which is cut off to either side."""
    # the reference draws impulse noise by scikit-image's generator, all others by NumPy's old one
    is_new = corruption.family == "impulse_noise"
    random = np.random.default_rng(SEED) if is_new else OldRandom(SEED)
    ours = corrupt(corruption, drawn_image(), random).reshape(-1, 3)[reference["places"]]
    difference = np.abs(ours.astype(int) - reference[corruption.name])
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.03


def test_the_reference_was_computed_of_the_same_image(reference: dict[str, np.ndarray]) -> None:
    assert np.array_equal(reference["image"], drawn_image())


@pytest.mark.parametrize("family", FAMILIES)
def test_equal_images_are_corrupted_alike_and_others_are_not(family: str) -> None:
    image, corruption = photograph(), Corruption(family, 3)
    assert corruption.apply(image).tobytes() == corruption.apply(image.copy()).tobytes()
    assert corruption.apply(image).tobytes() != image.tobytes()


@pytest.mark.parametrize("family", ["gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise"])
def test_noise_is_drawn_anew_for_each_image_family_and_severity(family: str) -> None:
    grey = Image.new("RGB", (64, 64), (128, 128, 128))
    other = Image.new("RGB", (64, 64), (129, 129, 129))
    first, second = (np.asarray(Corruption(family, 5).apply(image), dtype=float) for image in (grey, other))
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05


def test_a_severer_corruption_changes_an_image_more() -> None:
    image = Image.fromarray(drawn_image())
    for family in ("gaussian_noise", "impulse_noise", "gaussian_blur", "fog", "contrast", "jpeg_compression"):
        changes = [
            np.abs(np.asarray(Corruption(family, severity).apply(image), dtype=float) - drawn_image()).mean()
            for severity in (1, 3, 5)
        ]
        assert changes == sorted(changes)
        assert changes[0] < changes[-1]


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (3, 2)])
@pytest.mark.parametrize("colour", [None, (0, 0, 0), (255, 255, 255)])
def test_images_of_any_size_and_without_contrast_keep_their_size(
    size: tuple[int, int], colour: tuple[int, int, int] | None
) -> None:
    image = photograph(*size) if colour is None else Image.new("RGB", size, colour)
    for family in FAMILIES:
        for severity in (1, 3, 5):
            assert Corruption(family, severity).apply(image).size == size


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_an_image_of_another_mode_is_corrupted_as_rgb(mode: str) -> None:
    image = photograph().convert(mode)
    corruption = Corruption("gaussian_noise", 1)
    assert corruption.apply(image).tobytes() == corruption.apply(image.convert("RGB")).tobytes()


def test_a_corrupted_image_is_a_source_of_its_own(tmp_path: Path) -> None:
    photograph().save(tmp_path / "kite.png")
    source = ImageFile(tmp_path, "kite.png")
    noisy = corrupted(source, "gaussian_noise", 3)
    assert noisy.name == "kite.png, gaussian_noise_3"
    assert noisy.exists()
    assert noisy.open().tobytes() == Corruption("gaussian_noise", 3).apply(photograph()).tobytes()
    assert noisy == corrupted(source, "gaussian_noise", 3) != corrupted(source, "fog", 3)
    unpadded = corrupted(UnpaddedImage(source), "fog", 3)  # the model pads by the class
    assert unpadded == UnpaddedImage(CorruptedImage(source, Corruption("fog", 3)))


def test_an_unreadable_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(SampleError, match=r"gone\.png: no such image file"):
        corrupted(ImageFile(tmp_path, "gone.png"), "fog", 3).open()


@pytest.mark.parametrize(
    ("family", "severity", "message"),
    [
        ("gausian_noise", 3, "did you mean 'gaussian_noise'"),
        ("rain", 3, "known: brightness, contrast, defocus_blur"),
        ("frost", 3, "left out: it lays six photographs"),
        ("fog", 0, "the severity is 1 to 5, not 0"),
        ("fog", 6, "the severity is 1 to 5, not 6"),
    ],
)
def test_what_is_no_corruption_is_named(family: str, severity: int, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Corruption(family, severity)


def test_what_is_left_out_is_no_family() -> None:
    assert not set(LEFT_OUT) & set(FAMILIES)
    assert len(FAMILIES) + len(LEFT_OUT) == 19  # ImageNet-C: 15 and four for tuning


@pytest.mark.parametrize(
    ("definition", "names"),
    [
        ('{"corruption": "fog", "severity": 2}', ["a.png"]),
        ('{"options": "reversed"}', None),
        ('{"image": "none"}', "of another command"),
        ('{"corruption": "frost", "severity": 2}', "of another command"),
    ],
)
def test_pages_show_what_a_variant_showed(definition, names):
    image = ImageFile(Path("images"), "a.png")
    shown = images_of_variant(definition, load_task("pope"), [Sample("1", "Is it?", (image,))])
    if names == "of another command":
        assert shown is None
    elif names is None:
        assert shown == {}
    else:
        assert shown == {"1": (CorruptedImage(image, Corruption("fog", 2)),)}
