"""`data verify` and `status` of official files: counted, and held against the hashes that a task file tells."""

import hashlib

import pytest

from emma_eval.cli.main import main
from tests import tiny_datasets as tiny

FILE = "seed_bench/SEED-Bench.json"


@pytest.fixture
def seed(tmp_path):
    tiny.seed(tmp_path)
    (tmp_path / "tasks").mkdir()
    known = hashlib.sha256((tmp_path / FILE).read_bytes()).hexdigest()
    text = f"extends: seed\nexpected: {{samples: 2, sha256: {{questions: {known}}}}}\n"
    (tmp_path / "tasks" / "my_seed.yaml").write_text(text)
    return tmp_path


def data(root, *arguments):
    return main(["data", *arguments, "--data", str(root), "--task-dir", str(root / "tasks")])


def test_files_are_counted_and_hashed(seed, capsys):
    assert data(seed, "verify", "my_seed") == 0
    assert "my_seed: ok: 2 samples, 1 hash as known" in capsys.readouterr().out
    path = seed / FILE
    path.write_text(path.read_text() + "\n")
    assert data(seed, "verify", "my_seed") == 2
    assert f"{path} has another SHA-256 than task my_seed expects of its questions" in capsys.readouterr().out


def test_another_number_is_a_problem(seed, capsys):
    assert data(seed, "verify", "seed") == 2
    out = capsys.readouterr().out
    assert "seed: PROBLEM: 2 samples were read, 19,242 or 17,990 are expected" in out
    assert "1 task, 1 problem" in out


def test_status_adds_up_files_and_images(seed, capsys):
    size = sum(path.stat().st_size for path in (seed / "seed_bench").rglob("*") if path.is_file())
    assert data(seed, "status", "my_seed") == 0
    out = capsys.readouterr().out
    assert f"my_seed  complete  {size / 1e3:.1f} kB  official files" in out
    assert f"free below {seed}" in out


def test_what_is_there_need_not_be_fetched(seed, capsys):
    assert data(seed, "fetch", "my_seed") == 0
    assert "my_seed: its official files are there: nothing to fetch" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fetch", "--data", "x"], "data fetch: name the tasks or groups to fetch"),
        (["status"], "--data ROOT is missing"),
        (["verify", "--data", "no/such"], "--data no/such: no such folder"),
        (["fetch", "pop", "--data", "{file}"], "--data {file}: there is a file of that name"),
        (["fetch", "pop", "--data", "/dev/null/x"], "--data /dev/null/x: no folder can be made there: Not a directory"),
        (["ftech"], "there is no 'ftech'; did you mean 'fetch'?"),
    ],
)
def test_mistakes_are_one_line(seed, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(seed)
    file = seed / FILE
    assert main(["data", *[text.format(file=file) for text in arguments]]) == 2
    error = capsys.readouterr().err
    assert message.format(file=file) in error
    assert error.count("\n") == 1


def test_a_hash_of_an_unknown_file_is_refused(seed, capsys):
    (seed / "tasks" / "my_seed.yaml").write_text("extends: seed\nexpected: {sha256: {question: abc}}\n")
    assert data(seed, "verify", "my_seed") == 2
    assert "unknown key 'expected.sha256.question'; did you mean 'questions'?" in capsys.readouterr().err
