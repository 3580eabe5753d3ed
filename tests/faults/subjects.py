"""The commands that faults befall, with their data: every engine, a judge, `merge` and `report`."""

from __future__ import annotations

import os
import shutil
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

from tests import judged_runs
from tests.fake_server import Reply, chat, text_of
from tests.fakes import QUIZ_TASK, quiz_row, write_quiz
from tests.faults.subject import Place, Subject
from tests.installed_package import install_package
from tests.tiny_datasets import png, save_image

QUESTIONS = 24
JUDGED = 12
SHARDS = 2
# A model of one method. FAULT_MODEL names a file: as long as it is there, the model has what is written in it.
MODEL = """
import os, time
from pathlib import Path

class Beg:
    batch_size = 2

    def __init__(self, spec):
        pass

    def generate(self, messages):
        path = Path(os.environ.get("FAULT_MODEL", "/nowhere"))
        if path.exists():
            exec(path.read_text())
        return ["red" if len(message.text) % 3 else "blue" for message in messages]
"""


def quiz(place: Place) -> None:
    """A task of questions on images, two on each."""
    if (place.data / "tasks").exists():
        return
    install_package(place.site, "beg", MODEL, "Beg")
    rows = [quiz_row(n, f"{n // 2}.png", "What colour" + "?" * (n % 7)) for n in range(QUESTIONS)]
    write_quiz(place.data, rows, prompt="")
    (place.data / "data").rename(place.data / "files")
    for number in range(QUESTIONS // 2):
        save_image(place.data / f"files/img/{number}.png", number)


def parquet(place: Place) -> None:
    """The same task in the form of a data set of the hub, with the images in its cells."""
    import pyarrow
    from pyarrow import parquet as files

    quiz(place)
    numbers = range(QUESTIONS)
    columns = {
        "id": [str(n) for n in numbers],
        "q": [f"What colour{'?' * (n % 7)}" for n in numbers],
        "image": [{"bytes": png(n // 2), "path": None} for n in numbers],
        "a": ["red"] * QUESTIONS,
    }
    (place.data / "set/data").mkdir(parents=True)
    files.write_table(pyarrow.table(columns), place.data / "set/data/test-00000-of-00001.parquet")
    text = QUIZ_TASK % ("", QUESTIONS) + "hub: {id: SET, split: test}\n"
    (place.data / "tasks/cells.yaml").write_text(text)


def checkpoint(place: Place) -> None:
    """A tiny EMMA of random weights."""
    from tests.tiny_checkpoint import TinyCheckpoint

    quiz(place)
    TinyCheckpoint().write(place.data / "models")


def judged(place: Place) -> None:
    """A finished run of MM-Vet."""
    judged_runs.mmvet(place.data / "mmvet", JUDGED)
    answers = [f"answer {number}" for number in range(JUDGED)]
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        judged_runs.finish_run(place.data / "mmvet", "mmvet", answers, place.data / "answered")


def finished(place: Place, name: str, *more: str) -> None:
    """A run of the model of one method, from within this process's Python."""
    import subprocess

    quiz(place)
    command = ONE.command(place.data, place.root, "")
    command[command.index("--output") + 1] = str(place.data / name)
    environment = {**os.environ, **place.environment}
    subprocess.run([*command, *more], env=environment, check=True, capture_output=True)


def shards(place: Place) -> None:
    """The finished shards of a run."""
    for number in range(1, SHARDS + 1):
        finished(place, f"shard-{number}", "--shard", f"{number}/{SHARDS}")


def answer(body: dict[str, Any], number: int) -> Reply | dict[str, Any]:
    """A server that answers as the model of one method does."""
    return chat("red" if len(text_of(body)) % 3 else "blue")


def verdict(body: dict[str, Any], number: int) -> Reply | dict[str, Any]:
    """A judge that gives half a point to the even answers."""
    return chat(["0.5", "1.0"][int(text_of(body).rsplit(" | ", 2)[1].removeprefix("answer ")) % 2])


QUIZ = "--tasks quiz --task-dir {data}/tasks --data {data}/files --output {out}"
OPTIONS = ("timeout=3", "retries=4", "outage_minutes=0.2", "concurrency=3")
PATIENCE = " ".join(f"--model-option {option}" for option in OPTIONS)
ONE = Subject("one", "a model of one method", f"run --model beg {QUIZ}", quiz)
REPLICAS = Subject("replicas", "`--replicas 2`", f"{ONE.words} --replicas 2", quiz)
BUILT_IN = Subject(
    "built-in",
    "the built-in engine",
    f"run --model {{data}}/models/tiny-emma --batch-size 2 --limit 8 {QUIZ}",
    checkpoint,
)
SERVER = Subject(
    "server",
    "a server's model",
    f"run --model openai:served-name --base-url {{url}} {QUIZ} {PATIENCE}",
    quiz,
    behave=answer,
)
PARQUET = Subject(
    "parquet",
    "a Parquet data set",
    "run --model beg --tasks cells --task-dir {data}/tasks --output {out}",
    parquet,
    task="cells",
)
MINI = Subject(
    "mini",
    "the shipped suite",
    "run --model beg --tasks pope_mini --limit 24 --output {out}",
    quiz,
    task="pope_mini",
)
JUDGE = Subject(
    "judge",
    "`judge`",
    f"judge mmvet {{data}}/answered --judge openai:judge --base-url {{url}} --data {{data}}/mmvet {PATIENCE}",
    judged,
    results=("judged/*/scores.json", "judged/*/samples/*", "judged/*/statistics/*", "responses/*", "scores.json"),
    records=("judged/*/verdicts.jsonl",),
    task="mmvet",
    phases=(
        ("planning", "open", "mmvet.yaml"),
        ("loading", "open", "run.lock"),
        ("generation", "open", "verdicts.jsonl"),
        ("scoring", "open", "samples/mmvet.jsonl"),
        ("exit", "phase", "exit"),
    ),
    marks={"emma_eval.cli.judge:_print_scores": "exit"},
    output="{data}/answered",
    behave=verdict,
)
MERGE = Subject(
    "merge",
    "`merge`",
    "merge {data}/shard-1 {data}/shard-2 --task-dir {data}/tasks --data {data}/files --output {out}",
    shards,
    phases=(
        ("planning", "open", "shard-1/manifest.json"),
        ("generation", "os.mkdir", ".part/run"),
        ("scoring", "phase", "scoring"),
        ("leaderboard", "phase", "leaderboard"),
        ("moving", "phase", "moving"),
        ("exit", "phase", "exit"),
    ),
    marks={
        "emma_eval.runs.merge:scored_result": "scoring",
        "emma_eval.runs.runner:write_leaderboard": "leaderboard",
        "emma_eval.runs.merge:_move": "moving",
        "emma_eval.cli.merge:print_result": "exit",
    },
    instrumented="generation",
)
REPORT = Subject(
    "report",
    "`report`",
    "report {data}/finished --task-dir {data}/tasks --data {data}/files --output {out}",
    lambda place: finished(place, "finished"),
    results=("index.html",),
    records=(),
    phases=(("planning", "open", "finished/manifest.json"), ("leaderboard", "open", "index.html.part")),
    marks={},
    instrumented="",
)
VLLM = Subject(
    "vllm",
    "`--engine vllm`",
    f"run --model emma-mini --engine vllm --batch-size 2 {QUIZ}",
    quiz,
    package="vllm",
)
RAY = Subject(
    "ray",
    "`--ray local`",
    f"{ONE.words} --ray local --replicas 2",
    quiz,
    package="ray",
    worker="ray::RayReplica",
    ending=100.0,  # two of Ray's agents look for a minute for what was killed
)


def copy_data(place: Place, case: Path) -> Path:
    """The case's own copy of all data; a task file that names a data set by its folder names the copy."""
    data = case / "data"
    shutil.copytree(place.data, data, symlinks=True)
    if (path := data / "tasks/cells.yaml").exists():
        path.write_text(path.read_text().replace("id: SET", f"id: {data / 'set'}"))
    return data
