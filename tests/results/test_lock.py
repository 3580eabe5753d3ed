"""A run folder is held by one process, and its removal is noticed instead of the missing files that follow."""

import os
import shutil

import pytest

from emma_eval.errors import UserError
from emma_eval.results.line_log import LineLog
from emma_eval.results.lock import lock_run_folder, read_lock_holder

GONE = "run is gone: it was removed while this command wrote to it; the same command begins anew"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def test_the_holder_is_written_into_the_folder(folder):
    with lock_run_folder(folder):
        assert read_lock_holder(folder).process_id == os.getpid()


def test_a_second_process_is_refused_and_told_of_the_first(folder):
    with (
        lock_run_folder(folder),
        pytest.raises(UserError, match=r"run is being written by process \d+ on .*; wait for it"),
        lock_run_folder(folder),
    ):
        pass


def test_a_removed_folder_is_noticed_at_the_end(folder):
    with pytest.raises(UserError, match=GONE), lock_run_folder(folder):
        shutil.rmtree(folder)


def test_a_removed_folder_is_noticed_though_another_was_made_in_its_place(folder):
    with pytest.raises(UserError, match=GONE), lock_run_folder(folder):
        shutil.rmtree(folder)
        folder.mkdir()


def test_the_next_record_notices_it(folder):
    with pytest.raises(UserError, match=GONE), lock_run_folder(folder), LineLog(folder / "a" / "log.jsonl", 0) as log:
        log.write({"id": "1"})
        shutil.rmtree(folder)
        log.write({"id": "2"})


def test_another_missing_file_is_told_as_it_is(folder):
    with pytest.raises(FileNotFoundError, match="elsewhere"), lock_run_folder(folder):
        (folder / "elsewhere").read_bytes()
