"""Variants of a task read a part of the same data."""

import shutil

import pytest

from emma_eval.data.loading import load_samples
from emma_eval.errors import UserError
from emma_eval.tasks.loading import load_task
from tests.tiny_datasets import seed


@pytest.mark.parametrize("kind", ["image", "video"])
def test_seed_by_kind(kind, tmp_path):
    seed(tmp_path)
    samples = load_samples(load_task(f"seed_{kind}"), tmp_path, allow_partial=True)
    assert [sample.meta["data_type"] for sample in samples] == [kind]


def test_only_the_images_that_a_selection_uses_must_be_there(tmp_path):
    seed(tmp_path)
    shutil.rmtree(tmp_path / "seed_bench/SEED-Bench-video-image", ignore_errors=True)
    (tmp_path / "seed_bench/SEED-Bench-image").mkdir(exist_ok=True)
    (sample,) = load_samples(load_task("seed_image"), tmp_path, allow_partial=True, need_images=True)
    assert sample.images[0].folder == tmp_path / "seed_bench/SEED-Bench-image"
    with pytest.raises(UserError, match=r"data not found below .*: frames: seed_bench/SEED-Bench-video-image"):
        load_samples(load_task("seed_video"), tmp_path, allow_partial=True, need_images=True)


def test_easy_vqa_is_whole():
    pytest.importorskip("easy_vqa")
    samples = load_samples(load_task("easy_vqa"))
    assert len({image.label for sample in samples for image in sample.images}) == 1000
    assert samples[0].images[0].open().size == (64, 64)
    assert len({sample.references for sample in samples}) == 13


def test_a_shipped_suite_goes_before_the_data_root(tmp_path, monkeypatch):
    seed(tmp_path / "suite")
    monkeypatch.setattr("emma_eval.data.location.look_up", lambda kind, name: lambda: tmp_path / name)
    task = load_task("seed").model_copy(update={"suite": "suite", "hub": None})
    assert len(load_samples(task, tmp_path, allow_partial=True)) == 2
