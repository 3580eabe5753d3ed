"""The real cases of ../shared/cases: what people met, and attacks, each as a process of its own."""

from __future__ import annotations

import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.bad_input.outcome import Outcome, Target, require
from tests.shared import shared

ROOT = Path(__file__).parents[3]
NOT_RUN = {
    "20-no-home": "another user cannot read root's packages; loading/16-no-home asks the same",
    "30-model-folder-tracebacks": "its tool is not on record; the target `checkpoints` does what it did",
    "31-csv-formula": "runs nothing: it shows an old table; tests/utils/test_table_io.py has the kind",
}
SECONDS = 300  # of a whole script: several commands


@dataclass(frozen=True)
class Cases:
    """The scripts, each in a folder of its own below here."""

    folder: Path
    scripts: list[Path]


def prepare(folder: Path) -> Cases:
    """A copy of every attack and of every loading case that has a script."""
    known = [script for kind in ("attack", "loading") for script in sorted(shared(f"cases/{kind}").glob("*/run.sh"))]
    found = [script for script in known if script.parent.name not in NOT_RUN]
    copies = [folder / f"{script.parent.parent.name}-{script.parent.name}" for script in found]
    for script, copy in zip(found, copies, strict=True):
        shutil.copytree(script.parent, copy, symlinks=True)
        (copy / "w").mkdir()
        (copy / "w/run_eval.py").symlink_to(ROOT / "run_eval.py")
        (copy / "env.sh").write_text(f"H={shlex.quote(str(copy))}\n")
    return Cases(folder, [copy / "run.sh" for copy in copies])


def examine(cases: Cases, rng: random.Random) -> Outcome:
    """Run one of the scripts with this checkout."""
    script = cases.scripts[getattr(rng, "number", 0) % len(cases.scripts)]  # each once
    own = {"PY": sys.executable, "R": str(ROOT / "run_eval.py"), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    process = subprocess.Popen(
        ["bash", str(script)],
        cwd=script.parent,
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
    assert "can't open file" not in out and "ModuleNotFoundError" not in out, f"it does not run the program: {out}"
    require("\x1b" not in out, "control characters are printed")
    return Outcome.REFUSED


TARGET = Target(
    name="cases",
    what="attacks and trouble on record, each a script with its own data",
    wrong="control characters are printed; what each case asks for besides is in the tests of its room",
    count=18,
    prepare=prepare,
    examine=examine,
    seconds=SECONDS,
)
