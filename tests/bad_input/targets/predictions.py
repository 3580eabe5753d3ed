"""Answer files in every format that people have, damaged."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from emma_eval.predictions import read_predictions
from emma_eval.predictions.join_strategies import PassCounts
from emma_eval.predictions.reading import missing_answers
from emma_eval.tasks.config import TaskConfig
from emma_eval.tasks.loading import load_task
from emma_eval.types import Key, Sample
from tests.bad_input.leaves import UnreadableError, changed_rows, parse, require_no_python, rows_of, texts
from tests.bad_input.mutations import damaged, with_hostile_value
from tests.bad_input.outcome import Outcome, Target, require
from tests.prediction_formats import Given
from tests.predictions.worlds import KINDS

QUESTIONS = 6
CATEGORIES = ("random", "popular", "adversarial")


@dataclass(frozen=True)
class AnswerFile:
    """A clean file of answers, and whose they are."""

    task: TaskConfig
    samples: Sequence[Sample]
    name: str
    data: bytes
    answers: Mapping[Key, str]


@dataclass(frozen=True)
class Files:
    """All clean files, and a folder for the damaged one."""

    folder: Path
    files: Sequence[AnswerFile]


def prepare(folder: Path) -> Files:
    """Every benchmark's files in every format of it."""
    return Files(folder, [_file(kind, place) for kind in KINDS for place in range(len(kind.writers))])


def _file(kind: object, place: int) -> AnswerFile:
    task = load_task(kind.task)  # type: ignore[attr-defined]
    samples = [
        kind.make(number, f"Is thing {number} red?", number + 1, CATEGORIES[number % 3])  # type: ignore[attr-defined]
        for number in range(QUESTIONS)
    ]
    passes = PassCounts(samples, task)
    answers = {(one.id, turn): f"answer {one.id} {turn}" for one in samples for turn in range(passes.count(one.id))}
    name, write = kind.writers[place]  # type: ignore[attr-defined]
    return AnswerFile(task, samples, name, write(Given(task, samples, answers, [])).encode(), answers)


def examine(files: Files, rng: random.Random) -> Outcome:
    """Damage one file and read it, strictly or leaving out foreign answers."""
    clean = rng.choice(files.files)
    data = _malformed(clean, rng)
    path = files.folder / clean.name
    path.write_bytes(data)
    found = read_predictions(path, clean.samples, clean.task, ignore_foreign=rng.random() < 0.3)
    answers = {key: answer.text for key, answer in found.answers.items()}
    missing = set(missing_answers(clean.samples, clean.task, found))
    lost = clean.answers.keys() - answers.keys()
    require(lost == missing | found.failed, f"lost without a word: {lost - missing - found.failed}")
    if answers == dict(clean.answers):
        return Outcome.SAME
    try:
        content = parse(data, clean.name)
    except UnreadableError as error:
        require(False, f"{clean.name} is read, though the standard library cannot: {error!s:.200}")
    rows = changed_rows(rows_of(parse(clean.data, clean.name)), rows_of(content))
    said = {form for text in texts(rows) for form in _forms(text)}
    has_repeated = any("repeated answer" in note for note in found.notes)
    for key in answers.keys() | clean.answers.keys():
        if answers.get(key) == clean.answers.get(key):
            continue
        before, now = clean.answers[key], answers.get(key)
        is_told = has_repeated and now is not None and now.strip() in said  # of two rows the later one counts
        require(is_told or before in said or before not in set(texts(content)), f"{key} has lost its answer {before!r}")
        require(now is None or now.strip() in said, f"{key}: nothing says {now!r:.200}")
        require_no_python(before, now, content, f"the answer to {key}")
    return Outcome.TOLD if found.notes or missing else Outcome.CHANGED


def _forms(text: str) -> tuple[str, ...]:
    """A text as it is, without spaces around it, and a whole number without its fraction: 3.0 is read as 3."""
    whole, dot, fraction = text.partition(".")
    return (
        (text, text.strip(), whole.removeprefix("-") if whole == "-0" else whole)
        if dot and not fraction.strip("0")
        else (text, text.strip())
    )


def _malformed(clean: AnswerFile, rng: random.Random) -> bytes:
    if rng.random() < 0.5 or clean.name.endswith(".tsv"):
        return damaged(clean.data, rng)
    content = with_hostile_value(parse(clean.data, clean.name), rng)
    if clean.name.endswith(".jsonl") and isinstance(content, list):
        return "".join(json.dumps(row) + "\n" for row in content).encode()
    return json.dumps(content).encode()


TARGET = Target(
    name="predictions",
    what="answer files of seven benchmarks in every format, damaged as bytes or in one value",
    wrong="an answer that no changed row says; one of an untouched row lost or given to another question; one that is "
    "missing and is not counted",
    count=400,
    prepare=prepare,
    examine=examine,
)
