"""Runs cases one after the other, each in a folder of its own."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.fake_server import fake_server
from tests.faults.process import WrongError
from tests.faults.results import Result, Results
from tests.faults.subject import Place, Subject
from tests.faults.trial import Case, Trial, Undisturbed, run_undisturbed


class Runner:
    """The place of a fault run, and the undisturbed commands that results are compared with."""

    def __init__(self, place: Place, keep: Path | None = None) -> None:
        self.place, self.keep = place, keep
        self.undisturbed: dict[str, Undisturbed] = {}
        self.prepared: set[str] = set()

    def prepare(self, subjects: Sequence[Subject]) -> None:
        """Make the data of all subjects, before any is copied."""
        for subject in subjects:
            if subject.name not in self.prepared:
                subject.prepare(self.place)
                self.prepared.add(subject.name)

    def reference(self, subject: Subject) -> Undisturbed:
        """The undisturbed command, run once."""
        if subject.name not in self.undisturbed:
            self.undisturbed[subject.name] = run_undisturbed(self.place, subject, self.place.root / "cases")
        return self.undisturbed[subject.name]

    def run(self, case: Case, seed: int) -> Result:
        """Run one case."""
        if missing := case.missing or case.subject.missing:
            return Result(case.label, seed, "skipped", problem=missing)
        began = time.monotonic()
        self.prepare([case.subject])
        rng = random.Random(f"{seed} {case.label}")
        folder = self.place.root / "cases" / case.label.replace("/", "_")
        trial = Trial(self.place, case.subject, folder, self.reference(case.subject), rng)
        outcome, problem = "passed", ""
        try:
            case.act(trial)
        except (WrongError, OSError, LookupError, subprocess.SubprocessError) as error:
            outcome = "failed"
            problem = str(error) if isinstance(error, WrongError) else repr(error)
            if self.keep:
                shutil.copytree(folder, self.keep / folder.name, dirs_exist_ok=True)
        finally:
            trial.end()
            shutil.rmtree(folder, ignore_errors=True)
        seconds = round(time.monotonic() - began, 1)
        said = trial.said.replace(f"{folder}/", "").replace(str(folder), "")
        return Result(case.label, seed, outcome, said, problem, str(trial.moment or ""), seconds)  # type: ignore[arg-type]


def run_cases(cases: Sequence[Case], results: Results, seed: int, *, again: bool, keep: Path | None) -> int:
    """Run the cases without a result, print a line for each, and return how many have failed."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell: commands would ignore it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    left = [case for case in cases if again or not results.has_passed(case.label)]
    print(f"{len(cases)} cases, {len(cases) - len(left)} of them passed before; --seed {seed}", flush=True)
    failed = 0
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True)))
        runner = Runner(Place(root, stack.enter_context(fake_server())), keep)
        runner.prepare([case.subject for case in left if not (case.missing or case.subject.missing)])
        for case in left:
            result = runner.run(case, seed)
            results.add(result)
            failed += result.outcome == "failed"
            told = result.problem or result.said
            print(f"{result.outcome:7} {result.seconds:5.1f} s  {case.label} ({result.moment}): {told}", flush=True)
    return failed
