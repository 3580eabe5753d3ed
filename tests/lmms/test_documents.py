"""Documents' images: counted without decoding, shared where equal, and the pixels that `doc_to_visual` gives."""

import pickle
from io import BytesIO

import datasets
import numpy as np
import pytest
from PIL import Image

from emma_eval.errors import SampleError, UserError
from emma_eval.lmms.documents import Documents
from tests.fakes import make_image

ORIENTATION = 0x0112


def encoded(image, kind="PNG", **options):
    data = BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def documents(*cells, feature=None):
    features = datasets.Features({"image": feature or datasets.Image()})
    return Documents(datasets.Dataset.from_list([{"image": cell} for cell in cells], features=features), "lmms:t")


def cell(image, **options):
    return {"bytes": encoded(image, **options), "path": None}


def as_rgb(doc):
    return [doc["image"].convert("RGB")]


def pixels(image):
    return np.asarray(image.open().convert("RGB"))


def test_equal_images_of_two_documents_are_one():
    docs = documents(cell(make_image(seed=1)), cell(make_image(seed=1)), cell(make_image(seed=2)))
    first, second, third = (docs.images(i, as_rgb)[0] for i in range(3))
    assert first == second != third
    assert hash(first) == hash(second)
    assert (pixels(first) == np.asarray(make_image(seed=1))).all()


def test_no_image_is_decoded_before_it_is_opened(monkeypatch):
    docs = documents(cell(make_image(), kind="PNG"))
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("an image was decoded"))
    assert len(docs.images(0, as_rgb)) == 1


def test_an_image_that_exif_turns_is_turned_as_the_data_set_turns_it():
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    docs = documents(cell(make_image(40, 20), kind="JPEG", exif=exif))
    assert docs.images(0, as_rgb)[0].open().size == (20, 40)


@pytest.mark.parametrize(
    "make",
    [
        lambda doc: [doc["image"].convert("RGB").crop((0, 0, 10, 10))],
        lambda doc: [doc["image"].convert("L")],
        lambda doc: doc["image"].convert("RGB").resize((5, 5)),
    ],
)
def test_what_a_task_makes_of_an_image_is_what_the_model_gets(make):
    docs = documents(cell(make_image(seed=3)), cell(make_image(seed=3)))
    made = make({"image": make_image(seed=3)})
    (image,), (other,) = docs.images(0, make), docs.images(1, make)
    assert (pixels(image) == np.asarray((made[0] if isinstance(made, list) else made).convert("RGB"))).all()
    assert image != other  # what was made of them may differ


def test_lists_of_images_none_and_a_single_image_are_counted():
    docs = documents(cell(make_image()))
    assert docs.images(0, lambda doc: None) == ()
    assert docs.images(0, lambda doc: []) == ()
    assert len(docs.images(0, lambda doc: [[doc["image"].convert("RGB")], doc["image"].convert("RGB")])) == 2


def test_a_column_of_lists_of_images():
    docs = documents([cell(make_image(seed=1)), cell(make_image(seed=2))], feature=datasets.List(datasets.Image()))
    second, first = docs.images(0, lambda doc: [image.convert("RGB") for image in reversed(doc["image"])])
    assert (pixels(first) == np.asarray(make_image(seed=1))).all()
    assert (pixels(second) == np.asarray(make_image(seed=2))).all()


@pytest.mark.parametrize("cells", [{"bytes": b"no image", "path": None}, {"bytes": b"", "path": None}])
def test_a_broken_image_fails_when_it_is_opened_and_names_its_document(cells):
    (image,) = documents(cells).images(0, as_rgb)
    assert not image.exists()
    with pytest.raises(SampleError, match=r"^lmms:t, document 0, image 0: not a readable image: "):
        image.open()


@pytest.mark.parametrize("visual", ["clip.mp4", {"array": [0.0], "sampling_rate": 16000}])
def test_video_and_audio_are_refused(visual):
    with pytest.raises(UserError, match=r"document 0.*video and audio cannot be asked about here"):
        documents(cell(make_image())).images(0, lambda doc: [visual])


def test_a_function_that_needs_decoded_pixels_gets_them():
    def make(doc):
        assert type(doc["image"]).__name__ == "PngImageFile"
        assert "convert" not in vars(doc["image"])
        return [doc["image"].convert("RGB").rotate(90)]

    (image,) = documents(cell(make_image())).images(0, make)
    assert (pixels(image) == np.asarray(make_image().rotate(90))).all()


def test_the_path_of_an_image_file_is_opened(tmp_path):
    path = tmp_path / "a.png"
    make_image(seed=4).save(path)
    (image,) = documents(cell(make_image())).images(0, lambda doc: [str(path)])
    assert (pixels(image) == np.asarray(make_image(seed=4))).all()


def test_another_process_gets_the_pixels_or_the_reason():
    docs = documents(cell(make_image(seed=5)), {"bytes": b"no image", "path": None})
    good, bad = (docs.images(i, as_rgb)[0] for i in range(2))
    copy = pickle.loads(pickle.dumps(good))
    assert copy == good
    assert (pixels(copy) == pixels(good)).all()
    with pytest.raises(SampleError) as error:
        bad.open()
    with pytest.raises(SampleError) as again:
        pickle.loads(pickle.dumps(bad)).open()
    assert str(again.value) == str(error.value)
