"""The checkpoints of ../shared/cases/loading: what people tried to load, each run as a process of its own."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from emma_eval.errors import UserError
from tests.bad_input.outcome import Outcome, Target, require
from tests.loading_cases import LOADED, REFUSED
from tests.shared import shared

ROOT = Path(__file__).parents[3]
NOT_FINITE = "07-nan-logits/nan-projector"  # the script's other ones fit an older emma-mini
NAMES = (*REFUSED, *LOADED, NOT_FINITE)  # of a case and a checkpoint that its script makes
SAMPLES = 4


@dataclass(frozen=True)
class Checkpoints:
    """The folders that the scripts have made, below one."""

    folder: Path

    def path(self, name: str) -> Path:
        """The folder of a name."""
        case, _, checkpoint = name.partition("/")
        return self.folder / case[:2] / checkpoint


def prepare(folder: Path) -> Checkpoints:
    """Run the scripts, which alter shipped and tiny checkpoints."""
    for case in sorted({name.partition("/")[0] for name in NAMES}):
        own = {"BUGS_WORK": str(folder), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        script = shared("cases/loading") / case / "make.py"
        subprocess.run([sys.executable, script], cwd=ROOT, env=os.environ | own, capture_output=True, check=False)
    found = Checkpoints(folder)
    if missing := [name for name in NAMES if not found.path(name).is_dir()]:
        raise RuntimeError(f"the scripts of cases/loading have not made {', '.join(missing)}")
    return found


def examine(checkpoints: Checkpoints, rng: random.Random) -> Outcome:
    """Run a few questions with one of the checkpoints."""
    name = NAMES[getattr(rng, "number", 0) % len(NAMES)]  # each once
    path = checkpoints.path(name)
    output = checkpoints.folder / f"run-{name.replace('/', '-')}"
    words = ["run", "--tasks", "pope_mini", "--limit", str(SAMPLES), "--model", str(path), "--output", str(output)]
    own = {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "200", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "run_eval.py"), *words],
        env=os.environ | own, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    if name in REFUSED:
        require(done.returncode == 2, f"{name}: a model that is not computed runs, with exit code {done.returncode}")
        message = done.stderr.strip().splitlines()[-1].removeprefix("error: ")
        require(all(part in message for part in REFUSED[name]), f"{name}: the message does not name it: {message}")
        raise UserError(message)
    if name in LOADED:
        require(done.returncode in (0, 1), f"{name}: {done.stderr.strip()[-300:]}")
        require(LOADED[name] in said, f"{name}: it is not said what was loaded")
        return Outcome.TOLD
    rows = [json.loads(line) for line in (output / "responses/pope_mini.jsonl").read_text().splitlines()]
    require(
        done.returncode == 1 and len(rows) == SAMPLES, f"{name}: exit code {done.returncode}, {len(rows)} responses"
    )
    require(all("not finite" in (row.get("error") or "") for row in rows), f"{name}: logits of NaN are an answer")
    return Outcome.TOLD


TARGET = Target(
    name="loading",
    what="checkpoints that people have met: adapters, quantised weights, other architectures, NaNs, end ids",
    wrong="a model that is not computed is run; one that is computed is not described; NaN is an answer",
    count=len(NAMES),
    prepare=prepare,
    examine=examine,
    seconds=60,
)
