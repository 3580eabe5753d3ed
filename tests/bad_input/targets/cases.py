"""The real cases of ../shared/cases: what people met, and attacks, each as a process of its own."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.bad_input.outcome import Outcome, Target, require
from tests.shared import shared

ROOT = Path(__file__).parents[3]
SECONDS = 300  # of a whole script: several commands


@dataclass(frozen=True)
class Cases:
    """The scripts, each in a folder of its own below here."""

    folder: Path
    scripts: list[Path]


def prepare(folder: Path) -> Cases:
    """A copy of every attack that has a script."""
    found = sorted(shared("cases/attack").glob("*/run.sh"))
    for script in found:
        shutil.copytree(script.parent, folder / script.parent.name, symlinks=True)
    return Cases(folder, [folder / script.parent.name / "run.sh" for script in found])


def examine(cases: Cases, rng: random.Random) -> Outcome:
    """Run one of the scripts with this checkout."""
    script = cases.scripts[getattr(rng, "number", 0) % len(cases.scripts)]  # each once
    own = {"PY": sys.executable, "R": str(ROOT / "run_eval.py"), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    process = subprocess.Popen(
        ["bash", str(script)],
        env=os.environ | own,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        out, _ = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert "Traceback" not in out, out
    require("\x1b" not in out, "control characters are printed")
    return Outcome.REFUSED


TARGET = Target(
    name="cases",
    what="attacks on record, each a script with its own data",
    wrong="control characters are printed; what each case asks for besides is in the tests of its room",
    count=18,
    prepare=prepare,
    examine=examine,
    seconds=SECONDS,
)
