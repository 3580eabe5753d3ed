"""The real command, stopped by a signal in the middle of a run and started again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def command(folder: Path) -> list[str]:
    options = ["--tasks", "pope_mini", "--batch-size", "1", "--output", str(folder)]
    return [sys.executable, str(ROOT / "run_eval.py"), "run", *options]


def num_responses(folder: Path) -> int:
    path = folder / "responses" / "pope_mini.jsonl"
    return len(path.read_bytes().splitlines()) if path.exists() else 0


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted") / "run"
    subprocess.run(command(folder), check=True, capture_output=True)
    return folder


@pytest.mark.parametrize(
    ("sent_signal", "code", "message"),
    [(signal.SIGTERM, 130, "goes on where it stopped"), (signal.SIGKILL, -signal.SIGKILL, "")],
)
def test_the_same_command_resumes_and_ends_with_the_same_scores(
    tmp_path: Path, uninterrupted: Path, sent_signal: signal.Signals, code: int, message: str
):
    folder = tmp_path / "run"
    process = subprocess.Popen(command(folder), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while num_responses(folder) < 20:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(sent_signal)
    _, stderr = process.communicate()
    assert process.returncode == code
    assert message in stderr
    count = num_responses(folder)
    assert 20 <= count < 300

    subprocess.run(command(folder), check=True, capture_output=True)
    assert num_responses(folder) == 300
    assert (folder / "scores.json").read_bytes() == (uninterrupted / "scores.json").read_bytes()
    sessions = json.loads((folder / "manifest.json").read_text())["sessions"]
    assert len(sessions) == 2
