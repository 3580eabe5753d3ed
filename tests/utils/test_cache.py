"""A large file is hashed once, and again as soon as anything about it has changed."""

import hashlib
import os

import pytest

from emma_eval.utils import cache


@pytest.fixture
def large(tmp_path, monkeypatch):
    monkeypatch.setenv("EMMA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "CACHE_ABOVE_BYTES", 4)
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    return path


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_large_file_is_hashed_once_and_that_is_printed(large, monkeypatch, capsys):
    assert cache.cached_sha256(large) == digest(b"weights")
    assert capsys.readouterr().err == f"hashing {large} (0.0 GiB, once)\n"
    monkeypatch.setattr(cache, "sha256_of_file", lambda path: pytest.fail("read again"))
    assert cache.cached_sha256(large) == digest(b"weights")
    assert capsys.readouterr().err == ""


def test_a_change_of_the_same_size_and_age_is_noticed(large):
    before = large.stat()
    assert cache.cached_sha256(large) == digest(b"weights")
    large.write_bytes(b"WEIGHTS")
    os.utime(large, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert cache.cached_sha256(large) == digest(b"WEIGHTS")


def test_a_damaged_cache_entry_is_replaced(large):
    cache.cached_sha256(large)
    (record,) = (cache.cache_folder() / "sha256").iterdir()
    record.write_text("torn")
    assert cache.cached_sha256(large) == digest(b"weights")


def test_without_a_cache_folder_the_file_is_hashed_each_time(large, monkeypatch):
    monkeypatch.setenv("EMMA_CACHE", str(large / "no folder"))
    assert cache.cached_sha256(large) == digest(b"weights")
