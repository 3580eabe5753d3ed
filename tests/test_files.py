"""A file is replaced whole or not at all."""

import hashlib

import pytest

from emma_eval.files import sha256_of_file, write_atomic


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


def test_hashes_are_those_of_the_bytes(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc" * 1000)
    assert sha256_of_file(path) == hashlib.sha256(b"abc" * 1000).hexdigest()
