"""A command as a process of its own, which can be stopped at a moment; nothing that it started may outlive it."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SITE = Path(__file__).parent / "site"
TICK_SECONDS = 0.02
LIMIT_SECONDS = 60.0
TOKEN = "FAULT_TOKEN"
WIDTH = 200  # columns, so that messages are not broken


class WrongError(AssertionError):
    """What must hold does not."""


@dataclass(frozen=True)
class Moment:
    """The n-th event of a phase."""

    phase: str
    number: int

    def __str__(self) -> str:
        return f"{self.phase} {self.number}"


@dataclass(frozen=True)
class Ended:
    """How a process has ended, and what it printed."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def last_line(self) -> str:
        """The last line of standard error."""
        lines = [line for line in self.err.splitlines() if line.strip()]
        return lines[-1] if lines else ""


@dataclass
class Plan:
    """What the process watches for, see `site/sitecustomize.py`."""

    phases: Sequence[tuple[str, str, str]]
    marks: Mapping[str, str]
    instrumented: str
    moment: Moment | None = None
    code: str = ""
    counts: Path | None = None
    pipes: tuple[int, int] | None = None

    def text(self) -> str:
        """As the process reads it."""
        content: dict[str, Any] = {"phases": self.phases, "marks": self.marks, "instrumented": self.instrumented}
        if self.moment:
            content |= {"moment": [self.moment.phase, self.moment.number], "code": self.code, "pipes": self.pipes}
        if self.counts:
            content["counts"] = str(self.counts)
        return json.dumps(content)


@dataclass
class Child:
    """A started command."""

    process: subprocess.Popen[bytes]
    folder: Path  # of what it prints
    token: str
    told: int = -1  # read here at the moment
    word: int = -1  # written here, and it goes on
    ending: float = 10.0  # seconds that the processes it started may take to end after it
    started: float = field(default_factory=time.monotonic)

    def wait_for_moment(self) -> str | None:
        """Wait until it has come to its moment; None if it has ended before. It waits, too, until `go`."""
        deadline = Deadline()
        while True:
            if select.select([self.told], [], [], TICK_SECONDS)[0]:
                return os.read(self.told, 1000).decode().strip() or None
            if deadline.is_over(self.process.pid):
                self.end()
                raise WrongError(f"it hangs before its moment: {self.printed().last_line}")

    def go(self) -> None:
        """Let it go on."""
        with suppress(BrokenPipeError):
            os.write(self.word, b"!")

    def send(self, number: int) -> None:
        """Send it a signal, if it has not ended."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    def finish(self, limit: float = LIMIT_SECONDS) -> Ended:
        """Wait until it has ended, and all that it started. Raises WrongError if it hangs, or a process is left."""
        deadline = Deadline(limit)
        while self.process.poll() is None:
            time.sleep(TICK_SECONDS)
            if deadline.is_over(self.process.pid):
                self.end()
                raise WrongError(f"it hangs: {self.printed().last_line}")
        ended = self.printed()
        for descriptor in (self.told, self.word):
            if descriptor >= 0:
                os.close(descriptor)
        deadline = Deadline(self.ending)
        while left := self.family():
            time.sleep(TICK_SECONDS)
            if deadline.is_over():
                self.end()
                raise WrongError(f"it left {len(left)} processes behind")
        return ended

    def printed(self) -> Ended:
        """What it has printed so far."""
        out, err = ((self.folder / f"{self.token}.{name}").read_text(errors="replace") for name in ("out", "err"))
        code = self.process.poll()
        return Ended(code if code is not None else 0, out, err, time.monotonic() - self.started)

    def family(self) -> list[int]:
        """The running processes of the command, by the token in their environment."""
        mark = f"{TOKEN}={self.token}".encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if mark in path.read_bytes().split(b"\0") and is_running(int(path.parent.name)):
                    found.append(int(path.parent.name))
        return found

    def worker(self, title: str) -> int:
        """A replica's process, told by its command line from others that the command starts."""
        of = {number: Path(f"/proc/{number}/cmdline").read_bytes() for number in self.family()}
        found = [number for number, command in of.items() if title.encode() in command]
        if not found:
            raise WrongError(f"no process is a {title}")
        return min(found)

    def end(self) -> None:
        """Kill it with all that it started."""
        for number in self.family():
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        self.process.wait()


class Deadline:
    """Counts the seconds that a process waits. Those for which it computes, or has to wait for a CPU, are left out:
    where others use the machine, they say nothing; nor do those for which this process itself was stopped.
    """

    def __init__(self, seconds: float = LIMIT_SECONDS) -> None:
        self.left, self.looked = seconds, time.monotonic()

    def is_over(self, number: int = 0) -> bool:
        """Count on, and tell whether none is left. Without a process all seconds count."""
        now = time.monotonic()
        if not (number and state(number) in "RTt"):
            self.left -= min(now - self.looked, 1.0)
        self.looked = now
        return self.left <= 0


def state(number: int) -> str:
    """The letter by which Linux tells what a process does: R runs, S sleeps, T is stopped, Z has ended; X: is gone."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def is_running(number: int) -> bool:
    """Whether there is such a process, and it is no zombie."""
    return state(number) not in "ZX"


def start(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    plan: Plan | None = None,
) -> Child:
    """Start a command; what it prints goes to files in `folder`."""
    token = uuid.uuid4().hex
    variables = {**os.environ, **environment, TOKEN: token, "COLUMNS": str(WIDTH), "NO_COLOR": "1"}
    ours: tuple[int, int] = (-1, -1)
    theirs: tuple[int, ...] = ()
    if plan and plan.moment:
        told, tells = os.pipe()
        hears, word = os.pipe()
        ours, theirs = (told, word), (tells, hears)
        plan.pipes = (tells, hears)
    if plan:
        variables["FAULT_PLAN"] = plan.text()
    with (folder / f"{token}.out").open("wb") as out, (folder / f"{token}.err").open("wb") as err:
        process = subprocess.Popen(
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            pass_fds=theirs,
            start_new_session=True,
        )
    for descriptor in theirs:
        os.close(descriptor)
    return Child(process, folder, token, *ours)


def without_times(line: str) -> str:
    """A line with its numbers left out, for those of two runs differ."""
    return re.sub(r"\d[\d.,]*", "0", line)
