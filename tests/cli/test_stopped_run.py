"""The real command, stopped from outside in the middle of its work, and given again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def command(folder: Path) -> list[str]:
    options = ["--tasks", "pope_mini", "--batch-size", "1", "--output", str(folder)]
    return [sys.executable, str(ROOT / "run_eval.py"), "run", *options]


def answered(folder: Path) -> int:
    path = folder / "responses" / "pope_mini.jsonl"
    return len(path.read_bytes().splitlines()) if path.exists() else 0


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    subprocess.run(command(folder), check=True, capture_output=True)
    return folder


@pytest.mark.parametrize(
    ("how", "code", "word"), [(signal.SIGTERM, 130, "goes on where it stopped"), (signal.SIGKILL, -signal.SIGKILL, "")]
)
def test_the_same_command_goes_on_and_ends_with_the_same_scores(
    tmp_path: Path, undisturbed: Path, how: signal.Signals, code: int, word: str
):
    folder = tmp_path / "run"
    process = subprocess.Popen(command(folder), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while answered(folder) < 20:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(how)
    _, said = process.communicate()
    assert process.returncode == code
    assert word in said
    kept = answered(folder)
    assert 20 <= kept < 300

    subprocess.run(command(folder), check=True, capture_output=True)
    assert answered(folder) == 300
    assert (folder / "scores.json").read_bytes() == (undisturbed / "scores.json").read_bytes()
    sessions = json.loads((folder / "manifest.json").read_text())["sessions"]
    assert len(sessions) == 2
