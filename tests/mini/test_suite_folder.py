"""Where the suite lies, and that it is there whole or not at all."""

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
from emma_eval.mini.suite.folder import SEAL, checksums, is_whole, publish

# The digest of all that is asked and answered. When it changes, raise VERSION so that kept suites are written anew.
TRUTH = (1, "116c86c802e0d48cf96e182dc00dcb17edf366b6e4cf03c22310399fcf2df1a6")


def reference_digest(suite: Path) -> str:
    """Over all text files; of MMBench's table everything but the images, whose bytes depend on Pillow."""
    digest = hashlib.sha256()
    for path in sorted(path for path in suite.rglob("*") if path.suffix in (".json", ".txt")):
        digest.update(path.relative_to(suite).as_posix().encode() + path.read_bytes())
    with (suite / "mmbench/mmbench_dev_20230712.tsv").open(encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            digest.update(repr([value for key, value in row.items() if key != "image"]).encode())
    return digest.hexdigest()


def test_a_version_has_one_truth(suite):
    assert suite.name == f"mini-suite-v{VERSION}"
    assert (VERSION, reference_digest(suite)) == TRUTH


def test_two_writings_are_the_same_to_the_byte(suite, tmp_path, monkeypatch):
    monkeypatch.setenv("EMMA_CACHE", str(tmp_path))
    again = suite_folder()
    assert again != suite
    assert (again / SEAL).read_bytes() == (suite / SEAL).read_bytes()


def test_it_is_written_once_with_a_word(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("EMMA_CACHE", str(tmp_path))
    folder = suite_folder()
    assert capsys.readouterr().err == f"writing the suite mini to {tmp_path} (once, some seconds)\n"
    assert suite_folder() == folder
    assert capsys.readouterr().err == ""


def test_where_the_cache_is(monkeypatch):
    monkeypatch.setenv("EMMA_CACHE", "/chosen")
    assert cache_folder() == Path("/chosen")
    monkeypatch.delenv("EMMA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder() == Path("/xdg/emma-eval")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache/emma-eval"


def test_processes_that_start_together_write_it_once(tmp_path):
    code = "from emma_eval.mini.suite import suite_folder; print(suite_folder())"
    environment = os.environ | {"EMMA_CACHE": str(tmp_path)}
    root = Path(__file__).parents[2]
    pipe = subprocess.PIPE
    started = [
        subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=root, stdout=pipe, stderr=pipe, text=True)
        for _ in range(3)
    ]
    said = [process.communicate(timeout=120) for process in started]
    assert {out.strip() for out, _ in said} == {str(tmp_path / f"mini-suite-v{VERSION}")}
    assert sum("writing" in err for _, err in said) == 1


def three_files(folder: Path) -> None:
    (folder / "deep").mkdir()
    for name in ("a.txt", "b.txt", "deep/c.txt"):
        (folder / name).write_text(name)


def test_an_interrupted_writing_leaves_nothing_that_is_taken_for_whole(tmp_path):
    folder = tmp_path / "suite"

    def killed(draft: Path) -> None:
        (draft / "a.txt").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        publish(folder, killed)
    assert not folder.exists()
    assert publish(folder, three_files) == folder
    assert is_whole(folder)
    assert (folder / "a.txt").read_text() == "a.txt"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["suite", "suite.lock"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "deep/c.txt").unlink(),
        lambda folder: (folder / "a.txt").write_text(""),
        lambda folder: (folder / "b.txt").write_text("B.txt"),
        lambda folder: (folder / SEAL).unlink(),
        lambda folder: (folder / SEAL).write_bytes(b"\xff\xfe"),
        lambda folder: [shutil.rmtree(folder), folder.mkdir()],
    ],
    ids=["file gone", "file cut", "byte changed", "seal gone", "seal broken", "emptied"],
)
def test_a_damaged_folder_is_written_anew(tmp_path, damage):
    folder = publish(tmp_path / "suite", three_files)
    damage(folder)
    assert not is_whole(folder)
    publish(folder, three_files)
    assert is_whole(folder)


def test_a_file_that_was_added_does_no_harm_and_stays(tmp_path):
    folder = publish(tmp_path / "suite", three_files)
    (folder / ".DS_Store").write_text("of a file manager")
    assert is_whole(folder)
    publish(folder, lambda _: pytest.fail("written again"))
    assert (folder / ".DS_Store").exists()


def test_a_damaged_folder_is_mended_under_a_process_that_reads_it(tmp_path):
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


def test_a_link_that_was_put_in_place_of_the_lock_is_not_written_through(tmp_path):
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "suite.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(UserError, match=r"suite\.lock: a symbolic link"):
        publish(tmp_path / "suite", three_files)
    assert (tmp_path / "victim").read_text() == "precious"


def test_the_seal_is_in_the_form_of_sha256sum(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # the digest is FIPS 180-2's example
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  abc\n"
    assert checksums(tmp_path) == expected


def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EMMA_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"file.mini-suite-v\d+ cannot be written: .*EMMA_CACHE") as caught:
        suite_folder()
    assert "\n" not in str(caught.value)
