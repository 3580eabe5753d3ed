"""Watches a run from another process: reads its manifest and responses files alone, while they are written."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.results.manifest import MANIFEST_FILE, Manifest, read_manifest
from emma_eval.results.responses import log_path
from emma_eval.results.run_state import RunState, run_state
from emma_eval.runs.rate import RecentRate, can_estimate
from emma_eval.types import Key
from emma_eval.utils.neighbours import did_you_mean_folder

LATEST = 20  # answers kept, the newest last


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """How far one task is, or all of them, in requests."""

    done: int
    total: int
    failed: int


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run at one moment."""

    model: str
    state: RunState
    tasks: dict[str, RequestCounts]
    rate: float | None  # requests a second; None where it is not known
    session: tuple[int, float] = (0, 0.0)  # requests that this session has done, and its seconds

    @property
    def overall(self) -> RequestCounts:
        """All tasks together."""
        counts = self.tasks.values()
        return RequestCounts(sum(c.done for c in counts), sum(c.total for c in counts), sum(c.failed for c in counts))

    @property
    def seconds_left(self) -> float | None:
        """At this rate; None while too little is done to tell."""
        left = self.overall.total - self.overall.done
        done, seconds = self.session
        return left / self.rate if self.rate and can_estimate(done, done + left, seconds) else None


@dataclass(frozen=True, slots=True)
class LatestAnswer:
    """An answer, or the reason why there is none, as it came."""

    task: str
    sample_id: str
    text: str | None
    error: str | None


@dataclass(slots=True)
class _ResponsesFile:
    """A task's responses file, as far as it has been read."""

    task: str
    path: Path
    latest: deque[LatestAnswer]  # of all tasks
    offset: int = 0  # bytes that are read
    lines: int = 0  # that are read
    failed: dict[Key, bool] = field(default_factory=dict)  # of every request that has an answer or a failure

    def read_new_lines(self) -> None:
        """Read the lines that are new; one that is still being written waits for the next poll."""
        if not self.path.is_file():
            return
        with self.path.open("rb") as file:
            file.seek(self.offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self.offset += len(line)
                self.lines += 1
                try:
                    entry = json.loads(line)
                    answer = LatestAnswer(self.task, entry["id"], entry["text"], entry["error"])
                    pass_index = entry.get("pass_index", entry.get("round", 0))  # its name in earlier versions
                    self.failed[answer.sample_id, pass_index] = answer.error is not None
                    self.latest.append(answer)
                except (ValueError, KeyError, TypeError, RecursionError):
                    raise UserError(
                        f"{self.path}, line {self.lines} is damaged; "
                        "delete that line, and its sample will be asked again"
                    ) from None


class RunMonitor:
    """Polls a run folder, each time reading only what is new."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.latest: deque[LatestAnswer] = deque(maxlen=LATEST)
        self._files: dict[str, _ResponsesFile] = {}
        self._recent: RecentRate | None = None  # from the first poll on

    def poll(self) -> RunStatus:
        """The run as it is now. Raises UserError if the folder holds no run."""
        manifest = read_manifest(self._folder)
        if manifest is None:
            like_named = did_you_mean_folder(self._folder, MANIFEST_FILE)
            raise UserError(
                f"{self._folder} is not a run folder, or its run has not begun: it has no {MANIFEST_FILE}{like_named}"
            )
        tasks = {}
        for name, facts in manifest.tasks.items():
            file = self._files.setdefault(name, _ResponsesFile(name, log_path(self._folder, name), self.latest))
            file.read_new_lines()
            tasks[name] = RequestCounts(len(file.failed), facts.asked, sum(file.failed.values()))
        state = run_state(self._folder, manifest)
        done = sum(count.done for count in tasks.values())
        session = _session(done, manifest)
        rate = self._rate(done, session) if state == "running" else None
        return RunStatus(manifest.name or manifest.model.name, state, tasks, rate, session or (0, 0.0))

    def _rate(self, done: int, session: tuple[int, float] | None) -> float | None:
        """Over the last minute of polls; at the first poll over this session, the model's loading included."""
        if self._recent is None:
            self._recent = RecentRate(done)
        else:
            self._recent.update(done)
        if (rate := self._recent.per_second) is not None:
            return rate
        this_session, elapsed = session or (0, 0.0)
        return this_session / elapsed if this_session > 0 and elapsed > 0 else None


def _session(done: int, manifest: Manifest) -> tuple[int, float] | None:
    """The requests that this session has done, and its seconds; None if an earlier one was killed uncounted."""
    *earlier, current = manifest.sessions
    if any(session.outcome == "running" for session in earlier):
        return None
    elapsed = (datetime.now(UTC) - datetime.fromisoformat(current.started)).total_seconds()
    return done - sum(session.answered for session in earlier), elapsed
