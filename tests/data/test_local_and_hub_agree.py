"""Official files, plain or gzip, and hub rows of the same content give the same samples, images included."""

from dataclasses import replace

import pytest

from emma_eval.data.loading import load_samples
from emma_eval.errors import UserError
from emma_eval.scorers.common import image_of
from emma_eval.tasks.loading import load_task
from emma_eval.tasks.sections import HubConfig
from tests.data.hub.tiny_hub import write_hub_folder
from tests.tiny_datasets import TINY_DATASETS, gzip_in_place
from tests.tiny_datasets_wider import WITH_HUB

datasets = pytest.importorskip("datasets")


RESAMPLED_BY_IMAGE = ("gqa", "pope", "seed", "vizwiz", "vqa", "vqa_m4c")


def pixels(samples):
    return [[image.open().convert("RGB").tobytes() for image in sample.images] for sample in samples]


def without_images(samples):
    return [replace(sample, images=()) for sample in samples]


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def shared_images(samples):
    """Which samples are on one image, as intervals need to know."""
    names = [image_of(sample) for sample in samples]
    return [[other == name for other in names] for name in names]


@pytest.mark.parametrize("write", TINY_DATASETS + WITH_HUB, ids=lambda write: write.__name__)
def test_same_samples(write, tmp_path):
    tiny = write(tmp_path / "local")
    task = load_task(tiny.task)
    local = load_samples(task, tmp_path / "local", allow_partial=True, need_images=True)
    folder = write_hub_folder(tmp_path / "hub", tiny)
    hub = task.model_copy(update={"hub": folder.model_copy(update={"columns": task.hub.columns})})
    remote = load_samples(hub, None, allow_partial=True)

    assert len(local) == tiny.samples
    assert len({sample.id for sample in local}) == tiny.samples
    assert without_images(remote) == without_images(local)
    assert pixels(remote) == pixels(local)
    if task.scorer_config().scorer in RESAMPLED_BY_IMAGE:
        assert shared_images(remote) == shared_images(local)

    gzip_in_place(tmp_path / "local")
    zipped = load_samples(task, tmp_path / "local", allow_partial=True, need_images=True)
    assert without_images(zipped) == without_images(local)
    assert pixels(zipped) == pixels(local)


def test_a_hub_that_cannot_be_reached_is_one_line(tmp_path):
    hub = HubConfig(id=str(tmp_path / "nothing"), split="dev")
    task = load_task("mme").model_copy(update={"hub": hub})
    with pytest.raises(UserError, match=r"nothing.*split dev.*--data ROOT") as caught:
        load_samples(task)
    assert "\n" not in str(caught.value)
