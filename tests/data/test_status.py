"""`data status` counts what is there, whatever else lies in a folder of images."""

from __future__ import annotations

import pytest

from emma_eval.data.status import data_status
from emma_eval.tasks.loading import load_task
from tests.fakes import write_pope


@pytest.fixture
def size(tmp_path):
    write_pope(tmp_path)
    return lambda: data_status(load_task("pope"), tmp_path, count=False).size


def test_links_do_not_stop_the_count(size, tmp_path):
    images, before = tmp_path / "pope" / "val2014", size()
    (images / "moved.jpg").symlink_to(tmp_path / "gone.jpg")
    (images / "again").symlink_to(images)
    assert size() == before
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "more.jpg").write_bytes(b"12345")
    (images / "more").symlink_to(elsewhere)
    assert size() == before + 5
