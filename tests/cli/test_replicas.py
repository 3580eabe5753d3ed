"""`run --replicas`: the real command, while its workers and itself are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes import quiz_row, write_quiz
from tests.installed_package import install_package

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the workers in /proc"),
]

ROOT = Path(__file__).parents[2]
QUESTIONS = 160
# A model of one method, installed as a package. `beg` waits a little, so that there is time to kill it.
MODEL = """
import os, time
from emma_eval.errors import UserError

class Beg:
    batch_size = 4
    options = {"fault": "load, ask"}

    def __init__(self, spec):
        self.fault = spec.options.get("fault")
        if self.fault == "load":
            raise UserError("the model is not in the mood; ask it nicely")
        print(f"loaded by {os.getpid()}\\n", end="")  # in one write: two processes print at a time

    def generate(self, messages):
        time.sleep(0.02)
        if self.fault == "ask":
            raise UserError("the model does not speak; give it a voice")
        return ["red" if len(message.text) % 3 else "blue" for message in messages]
"""


class Place:
    """A task of many questions, the model, and commands about them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        site = folder / "site"
        install_package(site, "beg", MODEL, "Beg")
        rows = [quiz_row(number, question="What colour" + "?" * (number % 7)) for number in range(QUESTIONS)]
        for number, row in enumerate(rows):
            row["image"] = f"{number // 2}.png"
        self.options = write_quiz(folder, rows)
        for number in range(QUESTIONS // 2):
            os.link(folder / "data/img/a.png", folder / f"data/img/{number}.png")
        paths = f"{site}{os.pathsep}{ROOT}"
        self.environment = os.environ | {"PYTHONPATH": paths, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}

    def start(self, name: str, *more: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(ROOT / "run_eval.py"), "run", "--model", "beg", "--tasks", "quiz"]
        command += [*self.options, "--output", str(self.folder / name), *more]
        return subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, name: str, *more: str) -> subprocess.CompletedProcess[str]:
        process = self.start(name, *more)
        out, err = process.communicate()
        return subprocess.CompletedProcess([], process.returncode, out, err)

    def ids(self, name: str) -> list[str]:
        path = self.folder / name / "responses" / "quiz.jsonl"
        return [json.loads(line)["id"] for line in path.read_text().splitlines()] if path.exists() else []

    def wait_for(self, name: str, count: int, process: subprocess.Popen[str]) -> None:
        while len(self.ids(name)) < count:
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)

    def assert_whole(self, name: str) -> None:
        assert sorted(self.ids(name), key=int) == [str(number) for number in range(QUESTIONS)]
        for file in ("scores.json", "samples/quiz.jsonl", "leaderboard.md"):
            assert (self.folder / name / file).read_bytes() == (self.folder / "plain" / file).read_bytes()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """With a plain run in it."""
    place = Place(tmp_path_factory.mktemp("replicas"))
    done = place.run("plain")
    assert done.returncode == 0, done.stderr
    return place


def workers(process: subprocess.Popen[str]) -> list[int]:
    return [int(one) for one in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def is_running(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def test_several_processes_give_the_scores_of_one(place: Place) -> None:
    done = place.run("two", "--replicas", "2")
    assert done.returncode == 0, done.stderr
    place.assert_whole("two")
    session = json.loads((place.folder / "two" / "manifest.json").read_text())["sessions"][0]
    assert (session["replicas"], session["answered"], session["ray"]) == (2, QUESTIONS, False)
    assert session["stats"]["batches"] >= QUESTIONS / 4
    printed = [line for line in done.stderr.splitlines() if line.startswith("loaded by")]
    assert len(set(printed)) == 2, "what the model prints goes beside the tables"


def test_a_killed_worker_costs_no_answer(place: Place) -> None:
    process = place.start("killed", "--replicas", "2")
    place.wait_for("killed", 20, process)
    os.kill(workers(process)[0], signal.SIGKILL)
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert "died (killed by signal 9" in err
    assert "restart 1 of 3" in err
    place.assert_whole("killed")


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 130), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_stopped_run_leaves_no_process_and_goes_on(place: Place, sent: signal.Signals, code: int) -> None:
    name = f"stopped-{sent.name}"
    process = place.start(name, "--replicas", "2")
    place.wait_for(name, 20, process)
    started = workers(process)
    assert len(started) == 2
    process.send_signal(sent)
    _, err = process.communicate()
    assert process.returncode == code, err
    assert eventually(lambda: not any(map(is_running, started)))
    before = place.ids(name)
    assert 20 <= len(before) < QUESTIONS
    done = place.run(name, "--replicas", "2")
    assert done.returncode == 0, done.stderr
    assert place.ids(name)[: len(before)] == before
    place.assert_whole(name)


def test_a_second_ctrl_c_leaves_no_process_that_hangs(place: Place) -> None:
    process = place.start("twice", "--replicas", "2")
    place.wait_for("twice", 20, process)
    started = workers(process)
    os.kill(started[0], signal.SIGSTOP)
    began = time.monotonic()
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
    _, err = process.communicate()
    assert process.returncode == 130, err
    assert time.monotonic() - began < 2.5, "it does not wait as long as after one"
    assert eventually(lambda: not any(map(is_running, started)))


def test_a_run_that_is_killed_takes_a_process_that_hangs_along(place: Place) -> None:
    process = place.start("hanging", "--replicas", "2")
    place.wait_for("hanging", 20, process)
    started = workers(process)
    os.kill(started[0], signal.SIGSTOP)
    process.kill()
    process.communicate()
    assert eventually(lambda: not any(map(is_running, started)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model-option", "fault=load"], "error: the model is not in the mood; ask it nicely"),
        (["--model-option", "fault=ask"], "error: the model does not speak; give it a voice"),
        (["--device", "cuda:1"], "--device cuda:1 is one device"),
        (["--replicas", "5000"], "error: --replicas 5000: "),
    ],
)
def test_what_cannot_be_is_one_line(place: Place, options: list[str], message: str) -> None:
    done = place.run(f"refused{options[-1]}", "--replicas", "2", *options)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]


def test_shards_of_replicas_are_merged_to_the_same_scores(place: Place) -> None:
    for number in ("1", "2"):
        done = place.run(f"shard-{number}", "--replicas", "2", "--shard", f"{number}/2")
        assert f"this is shard {number}/2: `emma-eval merge` joins" in done.stdout
    folders = [str(place.folder / f"shard-{number}") for number in ("1", "2")]
    command = [sys.executable, str(ROOT / "run_eval.py"), "merge", *folders, *place.options]
    command += ["--output", str(place.folder / "merged")]
    done = subprocess.run(command, env=place.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    place.assert_whole("merged")


def test_the_shipped_model_answers_alike_in_several_processes(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(ROOT / "run_eval.py"),
        "run",
        "--tasks",
        "gqa_mini,pope_mini",
        "--limit",
        "12",
        "--output",
    ]
    for name, more in (("one", []), ("two", ["--replicas", "2"])):
        subprocess.run([*command, str(tmp_path / name), *more], check=True, capture_output=True)
    one, two = ((tmp_path / name / "scores.json").read_bytes() for name in ("one", "two"))
    assert one == two
