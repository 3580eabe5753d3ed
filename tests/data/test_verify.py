"""`data verify` and `status` of official files: counted, and held against the hashes that a task file tells."""

import hashlib

import pytest

from emma_eval.cli.main import main
from tests import tiny_datasets as tiny
from tests.fakes import write_pope

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


def status(root, capsys, *arguments):
    """The printed table, task -> its line, and the lines below it."""
    assert data(root, "status", *arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    return {line.split()[0]: " ".join(line.split()[1:]) for line in lines}, lines


def test_status_adds_up_files_and_images_and_counts_samples(seed, capsys):
    size = sum(path.stat().st_size for path in (seed / "seed_bench").rglob("*") if path.is_file())
    table, lines = status(seed, capsys, "my_seed")
    assert table["my_seed"] == f"complete {size / 1e3:.1f} kB 2 official files"
    assert lines[-1].endswith(f"free below {seed}")


def test_status_calls_nothing_complete_that_is_not(seed, capsys):
    table, _ = status(seed, capsys, "seed")
    assert table["seed"].startswith("incomplete")
    assert "2 of 19,242 or 17,990" in table["seed"]
    (seed / "tasks" / "my_seed.yaml").write_text("extends: seed\nexpected: {samples: 1}\n")
    assert "too many" in status(seed, capsys, "my_seed")[0]["my_seed"]
    (seed / FILE).write_text("[")
    table, lines = status(seed, capsys, "seed")
    assert table["seed"].startswith("damaged")
    assert any(line.startswith(f"seed: {seed / FILE}") for line in lines)


def test_status_says_what_it_did_not_count(seed, capsys, monkeypatch):
    monkeypatch.setattr("emma_eval.data.status.MAX_COUNTED_BYTES", 10)
    table, _ = status(seed, capsys, "my_seed")
    assert table["my_seed"].startswith("present")
    assert "not counted, " in table["my_seed"]
    assert "to read; 2 expected" in table["my_seed"]


def test_status_of_all_tasks_shows_those_with_data_in_eighty_columns(seed, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    table, lines = status(seed, capsys)
    assert {"seed", "my_seed", "seed_image", "seed_video"} <= table.keys()
    assert "gqa" not in table
    assert max(map(len, lines[:-1])) <= 80
    assert any(line.startswith("missing: abench, ") for line in lines)
    table, lines = status(seed, capsys, "gqa")
    assert table["gqa"].startswith("missing")
    assert "gqa: data fetch gqa" in lines


def test_images_of_another_task_install_none(tmp_path, capsys):
    """POPE's images are COCO's, which other tasks show too: they are no part of those tasks' data."""
    write_pope(tmp_path)
    assert main(["data", "status", "--data", str(tmp_path)]) == 0
    rows = [line.split()[0] for line in capsys.readouterr().out.partition("shipped:")[0].splitlines()]
    assert rows == ["TASK", "pope"]
    assert main(["data", "verify", "--data", str(tmp_path)]) == 2
    out = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in out] == ["pope", "1 task, 1 problem"]


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
