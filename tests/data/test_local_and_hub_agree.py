"""Official files, plain or gzip, and hub rows of the same content give the same samples, images included."""

from dataclasses import replace

import pytest
from PIL.Image import Image

from emma_eval.data.loading import load_samples
from emma_eval.errors import UserError
from emma_eval.scorers.common import image_of
from emma_eval.tasks.loading import load_task
from emma_eval.tasks.sections import HubConfig, HubImages
from tests.data.readers.tiny import TINY, Tiny, gzip_in_place
from tests.data.readers.tiny_wider import WITH_HUB

datasets = pytest.importorskip("datasets")


RESAMPLED_BY_IMAGE = ("gqa", "pope", "seed", "vizwiz", "vqa", "vqa_m4c")


def pixels(samples):
    return [[image.open().convert("RGB").tobytes() for image in sample.images] for sample in samples]


def without_images(samples):
    return [replace(sample, images=()) for sample in samples]


def image_feature(cells):
    """The feature of a column of images, of lists of them, or of as many missing ones; None for another column."""
    parts = [part for cell in cells for part in (cell if isinstance(cell, list) else [cell])]
    if not all(part is None or isinstance(part, Image) for part in parts):
        return None
    return datasets.List(datasets.Image()) if isinstance(cells[0], list) else datasets.Image()


def write_hub_folder(folder, tiny: Tiny) -> HubConfig:
    """A local folder as `load_dataset` takes it, columns and Image features as on the hub."""
    configs = {"main": tiny.rows} | ({"images": tiny.images} if tiny.images else {})
    lines = ["---", "configs:"]
    for config, rows in configs.items():
        columns = {column: [row[column] for row in rows] for column in rows[0]}
        image_columns = {column: kind for column, cells in columns.items() if (kind := image_feature(cells))}
        features = datasets.Dataset.from_dict({k: v for k, v in columns.items() if k not in image_columns}).features
        features |= image_columns
        table = datasets.Dataset.from_dict(columns, features=datasets.Features(features))
        (folder / config).mkdir(parents=True)
        table.to_parquet(folder / config / "part-0.parquet")
        lines += [f"- config_name: {config}", f"  data_files: [{{split: dev, path: {config}/*.parquet}}]"]
    (folder / "README.md").write_text("\n".join([*lines, "---", ""]), encoding="utf-8")
    images = HubImages(config="images", key="imageId") if tiny.images else None
    return HubConfig(id=str(folder), config="main", split="dev", images=images)


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def shared_images(samples):
    """Which samples are on one image, as intervals need to know."""
    names = [image_of(sample) for sample in samples]
    return [[other == name for other in names] for name in names]


@pytest.mark.parametrize("write", TINY + WITH_HUB, ids=lambda write: write.__name__)
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
