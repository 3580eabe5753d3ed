"""The files of a finished run, one of them damaged: read again, resumed, compared."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emma_eval.analysis.compare import compare_runs
from emma_eval.api.run import load_run
from emma_eval.results.sample_statistics import read_all_statistics
from emma_eval.results.scores import read_scores
from tests.bad_input.leaves import UnreadableError, changed_rows, parse, rows_of, same
from tests.bad_input.mutations import damaged, with_hostile_value
from tests.bad_input.outcome import Outcome, Target, require
from tests.fakes import run_pope, write_pope

FILES = ("manifest.json", "scores.json", "responses/pope.jsonl", "samples/pope.jsonl", "statistics/pope.json")


@dataclass(frozen=True)
class Runs:
    """A finished run, its data, what its scores are, and a folder for the damaged copy."""

    data: Path
    clean: Path
    damaged: Path
    scores: Any


def prepare(folder: Path) -> Runs:
    """A run of twelve questions."""
    write_pope(data := folder / "data")
    run_pope(data, clean := folder / "clean")
    _content(clean, data)  # imports what takes seconds
    return Runs(data, clean, folder / "damaged", _scores(clean))


def _scores(run: Path) -> Any:
    """Metrics and counts: what else the scores say, as the model's template, they have from the manifest."""
    return [(task.name, task.metrics, task.counts) for task in read_scores(run).tasks]


def examine(runs: Runs, rng: random.Random) -> Outcome:
    """Damage one file of a copy of the run, then read the run, or resume it, which scores it again."""
    shutil.rmtree(runs.damaged, ignore_errors=True)
    shutil.copytree(runs.clean, runs.damaged)
    name = rng.choice(FILES)
    before = (runs.clean / name).read_bytes()
    after = _malformed(before, name, rng)
    (runs.damaged / name).write_bytes(after)
    if rng.random() < 0.5:
        return _resume(runs, name, before, after)
    return _read(runs, name, before, after)


def _malformed(data: bytes, name: str, rng: random.Random) -> bytes:
    if rng.random() < 0.5:
        return damaged(data, rng)
    content = parse(data, name)
    if name.endswith(".jsonl"):
        place = rng.randrange(len(content))
        content[place] = with_hostile_value(content[place], rng)
        return "".join(json.dumps(row) + "\n" for row in content).encode()
    return json.dumps(with_hostile_value(content, rng)).encode()


def _resume(runs: Runs, name: str, before: bytes, after: bytes) -> Outcome:
    """The same command once more: the scores are those of the responses, whatever the other files said."""
    run_pope(runs.data, runs.damaged)
    if same(_scores(runs.damaged), runs.scores):
        return Outcome.SAME
    require(name.startswith("responses"), f"{name} was damaged, and the resumed run has other scores")
    _require_readable(name, after)
    return Outcome.CHANGED


def _read(runs: Runs, name: str, before: bytes, after: bytes) -> Outcome:
    """What commands read of a run."""
    found = _content(runs.damaged, runs.data)
    compare_runs(read_all_statistics(runs.clean), read_all_statistics(runs.damaged))
    if same(found, _content(runs.clean, runs.data)):
        return Outcome.SAME
    content = _require_readable(name, after)
    require(changed_rows(rows_of(parse(before, name)), rows_of(content)), "another run of the same content")
    return Outcome.CHANGED


def _content(folder: Path, data: Path) -> Any:
    run = load_run(folder, data=data)
    return run.status, run.tasks, run.scores.to_dict(), run.samples.to_dict(), run.responses.to_dict()


def _require_readable(name: str, data: bytes) -> Any:
    try:
        return parse(data, name)
    except UnreadableError as error:
        last = data.rstrip(b"\n").rpartition(b"\n")[2]
        was_being_written = not data.endswith(b"\n") or b"\0" in last  # a power cut leaves zeros
        require(
            name.endswith(".jsonl") and was_being_written,
            f"{name} is read, though it is no JSON: {error!s:.200}",
        )
        return parse(data[: len(data.rstrip(b"\n")) - len(last)], name)  # that line is asked again


TARGET = Target(
    name="records",
    what="manifest, scores, responses, samples and statistics of a run, one damaged; read, compared or resumed",
    wrong="a file that is no JSON is read (but for the unfinished last line of a log); the resumed run has other "
    "scores though no response was touched",
    count=300,
    prepare=prepare,
    examine=examine,
)
