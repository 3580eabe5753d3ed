"""`data fetch --lock FILE`: written by one machine, kept to by the next."""

import pytest

from emma_eval.data.hub.lockfile import LockFile
from emma_eval.errors import UserError
from tests.data.hub.hub_server import COMMIT
from tests.data.hub.tiny_hub import GQA

OTHER = "f" * 40


def test_it_is_written_and_the_same_commit_is_asked_for_with_it(command, hub, tmp_path):
    lock = tmp_path / "hub.lock.yaml"
    done = command("data", "fetch", "my_gqa", "my_pope", "--lock", str(lock))
    assert done.returncode == 0, done.stdout + done.stderr
    assert lock.read_text().splitlines()[1:] == [f"org/gqa: {COMMIT}", f"org/pope: {COMMIT}"]
    before = lock.read_text()
    assert "no problems" in command("data", "fetch", "my_gqa", "--lock", str(lock)).stdout
    assert "my_gqa: ok" in command("data", "verify", "my_gqa", "--lock", str(lock)).stdout
    assert lock.read_text() == before
    lock.write_text(f"org/gqa: {OTHER}\n")
    done = command("data", "fetch", "my_gqa", "my_pope", "--lock", str(lock))
    assert "my_gqa: PROBLEM: data set org/gqa (main) cannot be listed: " in done.stdout
    assert any(OTHER in path for _, path, _ in hub.log)
    assert f"org/pope: {COMMIT}" in lock.read_text()
    assert "fetched at another commit than ffffffffffff" in command("data", "verify", "--lock", str(lock)).stdout


def test_a_pin_of_the_task_that_says_otherwise_is_named(command, repositories, tmp_path):
    lock = tmp_path / "hub.lock.yaml"
    lock.write_text(f"org/gqa: {COMMIT}\n")
    (repositories / "tasks" / "locked.yaml").write_text(GQA.replace("org/gqa", f"org/gqa, revision: {OTHER}"))
    done = command("data", "fetch", "locked", "--lock", str(lock))
    assert f"locked: PROBLEM: {lock} has org/gqa at commit {COMMIT[:12]}, and the task pins ffffffffffff" in done.stdout


def test_a_lock_that_is_none_is_one_line(command, tmp_path):
    (tmp_path / "root").mkdir()
    path = tmp_path / "hub.lock.yaml"
    missing = command("data", "verify", "my_gqa", "--lock", str(path))
    assert missing.stderr == f"error: --lock {path}: no such file; `data fetch --lock` writes it\n"
    nowhere = command("data", "fetch", "my_gqa", "--lock", str(tmp_path / "no" / "lock.yaml"))
    assert (
        nowhere.stderr == f"error: --lock {tmp_path / 'no' / 'lock.yaml'}: a file in a folder that exists is expected\n"
    )
    not_here = command("data", "status", "my_gqa", "--lock", str(path))
    assert "--lock is for data fetch and data verify" in not_here.stderr
    path.write_text("org/gqa: main\n")
    with pytest.raises(UserError, match="org/gqa: 'main' is not a commit of 40 hex digits"):
        LockFile(path)
