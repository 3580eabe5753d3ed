"""One case: a command, a fault, the same command again, and what must hold after each."""

from __future__ import annotations

import json
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.process import TICK_SECONDS, Child, Ended, Moment, Plan, WrongError, start, without_times
from tests.faults.subject import Place, Subject
from tests.faults.subjects import copy_data

MOST_LINES = 3  # beyond those of the undisturbed command
PROGRESS = re.compile(r"\S+ [\d,]+/[\d,]+(,|$| in )")  # how many there are depends on the machine
MANY = 2000  # events of a phase: imports and what they load; some are spared the next time
STOPPED = (1, 2, 130)  # exit codes of a command that did not end as it should, and says why


@dataclass(frozen=True)
class Undisturbed:
    """What the command does when nothing goes wrong."""

    files: Mapping[str, bytes]  # those of `Subject.results`
    names: frozenset[str]  # all files in the output folder
    keys: Mapping[str, Counter[str]]  # of each log
    lines: frozenset[str]  # of standard error, numbers left out
    phases: Mapping[str, int]  # events of each


@dataclass(frozen=True)
class Case:
    """A fault that befalls a command."""

    kind: str  # the row of the table
    subject: Subject
    name: str
    act: Callable[[Trial], None]
    missing: str = ""  # why it cannot be done here

    @property
    def label(self) -> str:
        """The name under which it is run, recorded and replayed."""
        return f"{self.kind}/{self.subject.name}/{self.name}".replace(" ", "-")


@dataclass
class Trial:
    """What a case acts on."""

    place: Place
    subject: Subject
    case: Path
    undisturbed: Undisturbed | None
    rng: random.Random
    said: str = ""  # the line that names cause and mend
    moment: Moment | None = None
    environment: dict[str, str] = field(default_factory=dict)
    extra: tuple[str, ...] = ()  # words at the end of the command
    prefix: tuple[str, ...] = ()
    data: Path = Path()
    children: list[Child] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.case.mkdir(parents=True)
        self.data = copy_data(self.place, self.case)
        if self.subject.behave:
            self.place.server.behave = self.subject.behave

    @property
    def folder(self) -> Path:
        """The folder that the command writes."""
        return self.subject.folder(self.data, self.case)

    @property
    def reference(self) -> Undisturbed:
        """The undisturbed command."""
        assert self.undisturbed is not None
        return self.undisturbed

    def path(self, pattern: str) -> Path:
        """The one file of a pattern in the output folder. Raises WrongError without it."""
        found = sorted(self.folder.glob(pattern))
        if not found:
            raise WrongError(f"there is no {pattern}")
        return found[0]

    def start(self, moment: Moment | None = None, code: str = "", counts: Path | None = None) -> Child:
        """Start the command, which waits at the moment."""
        self.moment = moment or self.moment
        marks, events = self.subject.marks, self.subject.phase_events()
        plan = Plan(events, marks, self.subject.instrumented, moment, code, counts) if moment or counts else None
        words = self.subject.command(self.data, self.case, self.place.server.url)
        variables = {**self.place.environment, **self.environment}
        child = start([*self.prefix, *words, *self.extra], self.case, variables, plan)
        child.ending = self.subject.ending
        self.children.append(child)
        return child

    def end(self) -> None:
        """Kill what a case that failed has left running."""
        for child in self.children:
            child.end()

    def at(self, phase: str, part: float | None = None) -> Moment:
        """A moment of a phase: by chance, or after a part of its events."""
        events = self.reference.phases.get(phase, 0)
        if not events:
            raise WrongError(f"no event was seen in the phase {phase}")
        if events >= MANY:
            events = int(0.9 * events)
        return Moment(phase, self.rng.randrange(events) if part is None else min(int(part * events), events - 1))

    def stop_at(self, moment: Moment, code: str = "") -> Child:
        """Start the command and wait until it has come to the moment. Raises WrongError if it ends before."""
        child = self.start(moment, code)
        if child.wait_for_moment() is None:
            ended = child.finish()
            raise WrongError(f"it ended with {ended.code} before {moment}: {ended.last_line}")
        return child

    def interrupt(self) -> None:
        """A first session that is stopped half-way by Ctrl-C."""
        child = self.stop_at(self.at("generation", 0.5))
        child.send(signal.SIGINT)
        child.go()
        self.ended(child.finish(), 130)
        self.said = ""

    def ended(self, ended: Ended, *codes: int, says: str = "") -> Ended:
        """Check exit code, standard error, and that it says the text (`says` within one line), if any is given."""
        if ended.code not in codes:
            raise WrongError(f"it ended with {ended.code}, not {' or '.join(map(str, codes))}: {ended.last_line}")
        for text, stream in ((ended.err, "error"), (ended.out, "output")):
            if "Traceback" in text or "Exception ignored" in text:
                raise WrongError(f"a traceback on standard {stream}: {text.strip().splitlines()[-1]}")
        lines = [line for line in ended.err.splitlines() if line.strip()]
        known = self.undisturbed.lines if self.undisturbed else frozenset()
        new = [line for line in lines if without_times(line) not in known and not PROGRESS.match(line)]
        if self.undisturbed and len(new) > MOST_LINES:
            raise WrongError(f"{len(new)} lines on standard error: {' / '.join(new)[:300]}")
        if says:
            everything = [*lines, *ended.out.splitlines()]
            told = [line for line in everything if says in line]
            if not told:
                raise WrongError(f"it does not say {says!r}: {(new or everything or [''])[-1]}")
            self.said = told[-1].strip()
        elif ended.code in STOPPED:
            failed = [line for line in ended.out.splitlines() if "failed" in line]
            self.said = (failed[0] if ended.code == 1 and failed else ended.last_line).strip()
        return ended

    def again(self, *more: str, codes: tuple[int, ...] = (0,)) -> Ended:
        """The same command to its end, and all its results as in the undisturbed one."""
        self.extra, before = (*self.extra, *more), self.extra
        ended = self.ended(self.start().finish(), *codes)
        self.extra = before
        self.require_whole()
        return ended

    def mended(self, *more: str) -> None:
        """The same command asks again what has failed: results as in the undisturbed one, the failures still on record.

        A failed request has two records then, and the last one counts.
        """
        self.extra, before = (*self.extra, *more), self.extra
        self.ended(self.start().finish(), 0)
        self.extra = before
        self.require_whole(each_once=False)
        seen = look(self.subject, self.folder).keys
        if lost := sum((set(keys) != set(seen.get(name, ()))) for name, keys in self.reference.keys.items()):
            raise WrongError(f"{lost} logs have not every record")

    def refused_or_whole(self, mend: Callable[[], None]) -> None:
        """The command refuses what is damaged, in a line, and goes on once it is mended; or all is whole.

        Where only samples fail, as with a damaged image in a cell of a table, they are asked again.
        """
        ended = self.ended(self.start().finish(), 0, 1, 2)
        if ended.code:
            mend()
            self.again() if ended.code == STOPPED[1] else self.mended("--retry-failed")
        else:
            self.require_whole()

    def require_line(self, ended: Ended, *parts: str) -> None:
        """A line of what was printed has all these parts."""
        lines = [line.strip() for line in [*ended.err.splitlines(), *ended.out.splitlines()]]
        told = [line for line in lines if all(part in line for part in parts)]
        if not told:
            raise WrongError(f"no line has {' and '.join(map(repr, parts))}: {' / '.join(lines)[-300:]}")
        self.said = told[0]

    def require_same(self, folder: Path) -> None:
        """The results in another folder are those of the undisturbed command, too."""
        for name, content in self.reference.files.items():
            if not (folder / name).exists() or (folder / name).read_bytes() != content:
                raise WrongError(f"{folder.name}/{name} differs from the undisturbed one")

    def wait_for_records(self, child: Child, count: int) -> None:
        """Wait until so many records are written. Raises WrongError if the command ends before."""
        while sum(content.count(b"\n") + bool(content) for content in self.records().values()) < count:
            if child.process.poll() is not None:
                raise WrongError(f"it ended before {count} records: {child.finish().last_line}")
            time.sleep(TICK_SECONDS)

    def require_empty(self) -> None:
        """Nothing is left in the output folder, nor beside it."""
        if left := [path.name for path in self.folder.rglob("*")]:
            raise WrongError(f"left behind: {', '.join(sorted(left))}")

    def require_whole(self, each_once: bool = True) -> None:
        """All results equal to the byte, each record there once, no other file left."""
        seen = look(self.subject, self.folder)
        for name, content in self.reference.files.items():
            if name not in seen.files:
                raise WrongError(f"{name} is missing")
            if seen.files[name] != content:
                raise WrongError(f"{name} differs from the undisturbed one")
        if each_once and seen.keys != self.reference.keys:
            raise WrongError(f"records: {differences(seen.keys, self.reference.keys)}")
        beside = {path.name for path in self.folder.parent.glob(f".{self.folder.name}*")}
        if strange := (seen.names - self.reference.names) | beside:
            raise WrongError(f"left behind: {', '.join(sorted(strange))}")

    def records(self) -> dict[str, bytes]:
        """The whole records so far, of each log."""
        paths = [path for pattern in self.subject.records for path in sorted(self.folder.glob(pattern))]
        return {str(path): path.read_bytes().rpartition(b"\n")[0] for path in paths}

    def require_kept(self, before: Mapping[str, bytes]) -> None:
        """Every record of `before` is still in its place."""
        now = self.records()
        for path, content in before.items():
            if not now.get(path, b"").startswith(content):
                raise WrongError(f"{path} has lost what was recorded")


def look(subject: Subject, folder: Path) -> Undisturbed:
    """What is in an output folder."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for pattern in subject.results
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }
    names = frozenset(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    keys = {}
    for path in [path for pattern in subject.records for path in sorted(folder.glob(pattern))]:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        keys[path.name] = Counter(f"{row['id']} {row['pass_index']} {row.get('repeat', 0)}" for row in rows)
    return Undisturbed(files, names, keys, frozenset(), {})


def differences(seen: Mapping[str, Counter[str]], wanted: Mapping[str, Counter[str]]) -> str:
    """In words."""
    lost = sum(((wanted[name] - seen.get(name, Counter())).total() for name in wanted), 0)
    extra = sum(((seen[name] - wanted.get(name, Counter())).total() for name in seen), 0)
    return f"{lost} lost, {extra} too many"


def run_undisturbed(place: Place, subject: Subject, root: Path) -> Undisturbed:
    """Run the command to its end, twice: the second time says again what is finished, and gives the same."""
    import random as chance

    trial = Trial(place, subject, root / f"undisturbed-{subject.name}", None, chance.Random(0))
    counts = trial.case / "counts.json"
    ended = trial.ended(trial.start(counts=counts).finish(), 0)
    seen = look(subject, trial.folder)
    if not all(any(Path(name).match(pattern) for name in seen.files) for pattern in subject.results):
        raise WrongError(f"{subject.name}: the undisturbed command wrote {sorted(seen.files)}: {ended.last_line}")
    lines = frozenset(without_times(line) for line in ended.err.splitlines())
    return Undisturbed(seen.files, seen.names, seen.keys, lines, json.loads(counts.read_text()))
