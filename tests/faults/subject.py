"""What a command of the fault run is: its words, its phases, what it writes; and the place where all of them run."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.fake_server import Behaviour, FakeServer
from tests.faults.engines import python_of, why_missing
from tests.faults.process import SITE

ROOT = Path(__file__).parents[2]
RUN_PHASES = (
    ("planning", "open", "{task}.yaml"),
    ("loading", "open", "run.lock"),
    ("generation", "open", "responses/{task}.jsonl"),
    ("scoring", "phase", "scoring"),
    ("leaderboard", "phase", "leaderboard"),
    ("exit", "phase", "exit"),
)
RUN_MARKS = {
    "emma_eval.runs.runner:score_run": "scoring",
    "emma_eval.runs.runner:write_leaderboard": "leaderboard",
    "emma_eval.cli.run:print_result": "exit",
}
RUN_RESULTS = ("scores.json", "samples/*", "statistics/*", "leaderboard.*")


@dataclass(frozen=True)
class Place:
    """Where everything of one fault run is. `data` is copied for cases that change it."""

    root: Path
    server: FakeServer

    @property
    def site(self) -> Path:
        """The model's package."""
        return self.root / "site"

    @property
    def data(self) -> Path:
        """Tasks, data, a checkpoint, finished runs."""
        return self.root / "data"

    @property
    def environment(self) -> Mapping[str, str]:
        """Of every command."""
        return {
            "PYTHONPATH": os.pathsep.join(map(str, (SITE, self.site, ROOT))),
            "EMMA_CACHE": str(self.root / "cache"),
            "HF_HOME": str(self.root / "hf"),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "OMP_WAIT_POLICY": "passive",
            "MPLCONFIGDIR": str(self.root / "matplotlib"),
        }


@dataclass(frozen=True)
class Subject:
    """A command. `{data}`, `{out}` and `{url}` in its words are the case's own folders and the server's address."""

    name: str
    title: str
    words: str
    prepare: Callable[[Place], None]
    results: tuple[str, ...] = RUN_RESULTS  # files in the output folder, equal to the byte each time
    records: tuple[str, ...] = ("responses/*.jsonl",)  # logs there, with each key once
    task: str = "quiz"
    phases: tuple[tuple[str, str, str], ...] = RUN_PHASES
    marks: Mapping[str, str] = field(default_factory=lambda: RUN_MARKS)
    instrumented: str = "loading"
    output: str = "{case}/out"  # the folder that the command writes
    behave: Behaviour | None = None  # of the server
    package: str = ""  # that it needs, perhaps in an environment of its own
    ending: float = 10.0  # seconds that its processes may take to end after the one that was started
    worker: str = "replicas.worker"  # in the command line of a replica's process

    @property
    def missing(self) -> str:
        """Why it cannot be had here; empty where it can."""
        return why_missing(self.package)

    def command(self, data: Path, case: Path, url: str) -> list[str]:
        """The command line."""
        places = {"data": str(data), "out": str(self.folder(data, case)), "url": url}
        words = [word.format(**places) for word in self.words.split()]
        return [python_of(self.package), str(ROOT / "run_eval.py"), *words]

    def folder(self, data: Path, case: Path) -> Path:
        """The folder that the command writes."""
        return Path(self.output.format(data=data, case=case))

    def phase_events(self) -> list[tuple[str, str, str]]:
        """The phases with the task's name in them."""
        return [(name, event, text.format(task=self.task)) for name, event, text in self.phases]
