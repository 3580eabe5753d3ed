"""A file is replaced whole or not at all; a lock file is held by one process."""

import hashlib
import json
from pathlib import Path

import pytest

from emma_eval.errors import UserError
from emma_eval.utils.data_roots import register_data_root, require_inside_data_root
from emma_eval.utils.files import find_file, locked_file, make_output_folder, sha256_of_file, write_atomic


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "a.json"
    write_atomic(path, "one\n")
    write_atomic(path, "two\n中\n")
    assert path.read_text(encoding="utf-8") == "two\n中\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_atomic(path, "one\n")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomic(path, "two\n")
    assert path.read_text() == "one\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_or_its_gzip_twin_is_found(tmp_path):
    (tmp_path / "a.json").touch()
    (tmp_path / "b.json.gz").touch()
    found = [find_file(tmp_path / name) for name in ("a.json", "b.json", "c.json")]
    assert found == [tmp_path / "a.json", tmp_path / "b.json.gz", None]


@pytest.mark.parametrize("length", [252, 253, 255, 256, 5000])  # with .gz, one letter too many from 253 on
def test_no_file_has_a_name_that_is_too_long(tmp_path, length):
    assert find_file(tmp_path / ("a" * length)) is None


def test_hashes_are_those_of_the_bytes(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc" * 1000)
    assert sha256_of_file(path) == hashlib.sha256(b"abc" * 1000).hexdigest()


def test_the_error_names_the_file_that_was_asked_for(tmp_path):
    with pytest.raises(OSError, match="No such file") as caught:
        write_atomic(tmp_path / "nowhere" / "scores.json", "{}")
    assert caught.value.filename == str(tmp_path / "nowhere" / "scores.json")


def test_a_file_is_no_output_folder(tmp_path):
    (tmp_path / "run").write_text("")
    for folder, why in (
        (tmp_path / "run", "there is a file of that name"),
        (tmp_path / "run" / "x", "Not a directory"),
    ):
        with pytest.raises(UserError, match=f"{folder} cannot be the output folder: {why}; name another"):
            make_output_folder(folder)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="a folder that takes no files, even from root")
@pytest.mark.parametrize("folder", ["/proc", "/proc/folder"])
def test_a_folder_that_takes_no_files_is_no_output_folder(folder):
    with pytest.raises(UserError, match=f"{folder} cannot be the output folder: .*; name"):
        make_output_folder(Path(folder))


def test_json_keeps_a_character_that_utf_8_cannot_hold(tmp_path):
    path = tmp_path / "scores.json"
    write_atomic(path, json.dumps({"read_as": "\ud800"}, ensure_ascii=False))
    assert json.loads(path.read_text(encoding="utf-8")) == {"read_as": "\ud800"}


def test_a_lock_file_is_held_by_one_at_a_time_and_keeps_its_content(tmp_path):
    path = tmp_path / "run.lock"
    with locked_file(path, wait=False) as first, locked_file(path, wait=False) as second:
        assert first is not None and second is None
        first.write("process 1")
    with locked_file(path, wait=True) as third:
        assert third is not None
    assert path.read_text() == "process 1"


@pytest.mark.parametrize("wait", [True, False])
def test_on_a_disk_without_locks_the_file_is_used_unlocked(wait, tmp_path, monkeypatch):
    def no_locks(descriptor, *, blocking):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("filelock.lock_descriptor", no_locks)
    with locked_file(tmp_path / "run.lock", wait=wait) as file:
        assert file is not None


def test_a_relative_data_root_is_the_folder_that_it_named(tmp_path, monkeypatch):
    """Not whatever has that name below the folder that the process is in later."""
    for place in ("one", "two"):
        (tmp_path / place / "data").mkdir(parents=True)
        (tmp_path / place / "data" / "out").symlink_to(tmp_path)
        (tmp_path / place / "data" / "in").symlink_to(tmp_path / place / "data")
        monkeypatch.chdir(tmp_path / place)
        register_data_root(Path("data"))
        require_inside_data_root(Path("data/in"))
    for path in (Path("data"), tmp_path / "two" / "data", tmp_path / "one" / "data"):
        require_inside_data_root(path / "in")
        with pytest.raises(UserError, match="a symbolic link leads out of the data root"):
            require_inside_data_root(path / "out")
