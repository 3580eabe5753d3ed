"""A run seen from outside: counts, rate, and how it ended."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emma_eval.cli.main import main
from emma_eval.errors import UserError
from emma_eval.runs import monitor as watching
from emma_eval.runs.monitor import RequestCounts, RunMonitor
from tests.fakes import REQUESTS, FakeEngine, run_pope

ROOT = Path(__file__).parents[2]


@pytest.fixture
def slow(data, folder):
    """A run in another process, at 5 answers a second."""
    command = [sys.executable, "-m", "tests.runs.slow_run", str(data), str(folder)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    record = folder / "responses" / "pope.jsonl"
    while not (record.exists() and record.stat().st_size):
        assert process.poll() is None
        time.sleep(0.02)
    yield process
    process.kill()
    process.wait()


def test_a_running_run_is_watched_to_its_end(slow, folder, capsys):
    status = RunMonitor(folder).poll()
    assert status.state == "running"
    assert 0 < status.overall.done < REQUESTS
    assert status.overall.total == REQUESTS
    assert main(["watch", str(folder)]) == 0
    lines = capsys.readouterr().out
    assert "samples/s" in lines.splitlines()[0]
    assert "fake: finished" in lines
    assert slow.wait() == 0


def test_a_killed_run_is_known_as_such(slow, folder, capsys):
    slow.kill()
    slow.wait()
    assert main(["watch", str(folder)]) == 1
    shown = capsys.readouterr().out
    assert "fake: killed" in shown
    assert "the command that started it goes on where it stopped" in shown


def test_an_interrupted_run_is_told_from_a_finished_one(data, folder):
    with pytest.raises(KeyboardInterrupt):
        run_pope(data, folder, FakeEngine(stop_after=3))
    status = RunMonitor(folder).poll()
    assert (status.state, status.tasks) == ("interrupted", {"pope": RequestCounts(3, REQUESTS, 0)})
    run_pope(data, folder)
    assert RunMonitor(folder).poll().state == "finished"


def test_failures_are_counted_and_one_that_was_mended_is_not(data, folder):
    (data / "pope" / "val2014" / "a.jpg").write_bytes(b"broken")
    run_pope(data, folder)
    run_monitor = RunMonitor(folder)
    assert run_monitor.poll().overall == RequestCounts(REQUESTS, REQUESTS, 6)
    record = folder / "responses" / "pope.jsonl"
    failed = next(entry for line in record.read_text().splitlines() if (entry := json.loads(line))["error"])
    with record.open("a") as file:
        file.write(json.dumps(failed | {"text": "yes", "error": None}) + "\n")
        file.write('{"id": "half a li')
    assert run_monitor.poll().overall == RequestCounts(REQUESTS, REQUESTS, 5)


def test_the_rate_is_that_of_the_last_minute(data, folder, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        run_pope(data, folder, FakeEngine(stop_after=4))
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["sessions"][0] |= {"outcome": "running", "started": "2020-01-01T00:00:00+00:00"}
    path.write_text(json.dumps(manifest))
    monkeypatch.setattr(watching, "run_state", lambda *_: "running")
    now = iter((0.0, 2.0))
    monkeypatch.setattr(time, "monotonic", lambda: next(now))
    run_monitor = RunMonitor(folder)
    assert run_monitor.poll().rate < 1e-6  # four since 2020: all that a first look can tell
    record = folder / "responses" / "pope.jsonl"
    entry = json.loads(record.read_text().splitlines()[0])
    with record.open("a") as file:
        for number in range(4):
            file.write(json.dumps(entry | {"id": f"more {number}"}) + "\n")
    status = run_monitor.poll()
    assert status.rate == 2.0  # four in two seconds
    assert status.seconds_left == 2.0  # four of twelve are left


def test_a_folder_without_a_run_is_a_mistake(tmp_path, data, folder, capsys):
    with pytest.raises(UserError, match="its run has not begun"):
        RunMonitor(tmp_path).poll()
    run_pope(data, folder)
    (folder / "responses" / "pope.jsonl").write_text("damage\n")
    assert main(["watch", str(folder), "--once"]) == 2
    assert "pope.jsonl, line 1 is damaged" in capsys.readouterr().err
