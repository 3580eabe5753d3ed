"""Where the suite's folder is, and that it is complete or absent."""

import csv
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from emma_eval.errors import UserError
from emma_eval.mini.suite import VERSION, cache_folder, suite_folder
from emma_eval.mini.suite.folder import CHECKSUMS, checksums, is_complete, publish

# Digest of all questions and answers. When it changes, raise VERSION, so that cached suites are written again.
DIGEST = (2, "7d1e0cee2276ca0a7a242527beccb4f792cdc035a39d99b23148b2f21b9777f1")


def reference_digest(suite: Path) -> str:
    """SHA-256 over all text files; MMBench's table without its images, whose bytes depend on Pillow."""
    digest = hashlib.sha256()
    for path in sorted(path for path in suite.rglob("*") if path.suffix in (".json", ".txt")):
        digest.update(path.relative_to(suite).as_posix().encode() + path.read_bytes())
    with (suite / "mmbench/mmbench_dev_20230712.tsv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            digest.update(repr([value for key, value in row.items() if key != "image"]).encode())
    return digest.hexdigest()


def test_questions_and_answers_of_a_version_never_change(suite):
    assert suite.name == f"mini-suite-v{VERSION}"
    assert (VERSION, reference_digest(suite)) == DIGEST


def test_two_written_suites_are_byte_identical(suite, tmp_path, monkeypatch):
    monkeypatch.setenv("EMMA_CACHE", str(tmp_path))
    again = suite_folder()
    assert again != suite
    assert (again / CHECKSUMS).read_bytes() == (suite / CHECKSUMS).read_bytes()


def test_it_is_written_once_and_announced(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EMMA_CACHE", str(tmp_path))
    folder = suite_folder()
    assert capsys.readouterr().err == f"writing the suite mini to {tmp_path} (once, some seconds)\n"
    assert suite_folder() == folder
    assert capsys.readouterr().err == ""


def test_the_cache_folder_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("EMMA_CACHE", "/chosen")
    assert cache_folder() == Path("/chosen")
    monkeypatch.delenv("EMMA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder() == Path("/xdg/emma-eval")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache/emma-eval"


def test_concurrent_processes_write_it_once(tmp_path):
    code = "from emma_eval.mini.suite import suite_folder; print(suite_folder())"
    environment = os.environ | {"EMMA_CACHE": str(tmp_path)}
    root = Path(__file__).parents[2]
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=root, stdout=pipe, stderr=pipe, text=True)
        for _ in range(3)
    ]
    outputs = [process.communicate(timeout=120) for process in processes]
    assert {out.strip() for out, _ in outputs} == {str(tmp_path / f"mini-suite-v{VERSION}")}
    assert sum("writing" in err for _, err in outputs) == 1


def three_files(folder: Path) -> None:
    (folder / "deep").mkdir()
    for name in ("a.txt", "b.txt", "deep/c.txt"):
        (folder / name).write_text(name)


def test_an_interrupted_write_leaves_no_folder_behind(tmp_path):
    folder = tmp_path / "suite"

    def killed(draft: Path) -> None:
        (draft / "a.txt").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(folder, killed)
    assert not folder.exists()
    assert publish(folder, three_files) == folder
    assert is_complete(folder)
    assert (folder / "a.txt").read_text() == "a.txt"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["suite", "suite.lock"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "deep/c.txt").unlink(),
        lambda folder: (folder / "a.txt").write_text(""),
        lambda folder: (folder / "b.txt").write_text("B.txt"),
        lambda folder: (folder / CHECKSUMS).unlink(),
        lambda folder: (folder / CHECKSUMS).write_bytes(b"\xff\xfe"),
        lambda folder: [shutil.rmtree(folder), folder.mkdir()],
    ],
    ids=["file missing", "file truncated", "byte changed", "checksums missing", "checksums unreadable", "emptied"],
)
def test_a_damaged_folder_is_repaired(tmp_path, damage):
    folder = publish(tmp_path / "suite", three_files)
    damage(folder)
    assert not is_complete(folder)
    publish(folder, three_files)
    assert is_complete(folder)


def test_other_files_in_the_folder_are_left_alone(tmp_path):
    folder = publish(tmp_path / "suite", three_files)
    (folder / ".DS_Store").write_text("by a file manager")
    assert is_complete(folder)
    publish(folder, lambda _: pytest.fail("written again"))
    assert (folder / ".DS_Store").exists()


def test_repair_keeps_undamaged_files_in_place_for_concurrent_readers(tmp_path):
    folder = publish(tmp_path / "suite", three_files)
    (folder / "a.txt").write_text("damaged")
    before = folder.stat().st_ino, (folder / "b.txt").stat().st_ino

    def write(draft: Path) -> None:
        assert (folder / "b.txt").read_text() == "b.txt"
        three_files(draft)

    publish(folder, write)
    assert (folder.stat().st_ino, (folder / "b.txt").stat().st_ino) == before
    assert (folder / "a.txt").read_text() == "a.txt"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["suite", "suite.lock"]


def test_a_symbolic_link_in_place_of_the_lock_is_refused(tmp_path):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "suite.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(UserError, match=r"suite\.lock: a symbolic link"):
        publish(tmp_path / "suite", three_files)
    assert (tmp_path / "victim").read_text() == "precious"


def test_the_checksum_file_has_the_format_of_sha256sum(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # the digest is FIPS 180-2's example
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  abc\n"
    assert checksums(tmp_path) == expected


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EMMA_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"file.mini-suite-v\d+ cannot be written: .*EMMA_CACHE") as caught:
        suite_folder()
    assert "\n" not in str(caught.value)
