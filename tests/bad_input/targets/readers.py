"""Official data files of every format, one of them damaged."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emma_eval.data.loading import load_samples
from emma_eval.errors import UserError
from emma_eval.tasks.config import TaskConfig
from emma_eval.tasks.loading import load_task
from emma_eval.types import Sample
from tests import tiny_datasets, tiny_datasets_wider
from tests.bad_input.leaves import UnreadableError, changed_rows, parse, require_no_python, rows_of, same, texts
from tests.bad_input.mutations import damaged, with_hostile_value
from tests.bad_input.outcome import Outcome, Target, require

WITHOUT_HUB: tuple[tuple[str, Callable[[Path], object]], ...] = (
    ("mmvp", tiny_datasets_wider.mmvp),
    ("foil", tiny_datasets_wider.foil),
    ("amber_discriminative", tiny_datasets_wider.amber),
    ("amber_generative", tiny_datasets_wider.amber),
    ("coco_caption", tiny_datasets_wider.karpathy),
    ("nocaps", tiny_datasets_wider.nocaps),
)
DATA_SUFFIXES = (".json", ".jsonl", ".tsv", ".csv", ".txt")


@dataclass(frozen=True)
class Benchmark:
    """A small whole copy of a benchmark: its task, which expects the copy's count, its samples and its data files."""

    task: TaskConfig
    root: Path
    clean: Sequence[Sample]
    files: Sequence[tuple[Path, bytes]]


def prepare(folder: Path) -> list[Benchmark]:
    """Every benchmark that the tests have a small copy of."""
    with_hub = (*tiny_datasets.TINY_DATASETS, *tiny_datasets_wider.WITH_HUB)
    found = [_benchmark(folder / write.__name__, write) for write in with_hub]
    return found + [_benchmark(folder / name, write, name) for name, write in WITHOUT_HUB]


def _benchmark(root: Path, write: Callable[[Path], Any], name: str = "") -> Benchmark:
    root.mkdir(parents=True)
    made = write(root)
    task = load_task(name or made.task).model_copy(update={"hub": None})
    clean = load_samples(task, root, allow_partial=True)
    expected = task.expected.model_copy(update={"samples": (len(clean),)})
    files = sorted(path for path in root.rglob("*") if path.suffix in DATA_SUFFIXES)
    read = [(path, path.read_bytes()) for path in files if _is_read(path, task, root)]
    return Benchmark(task.model_copy(update={"expected": expected}), root, clean, read)


def _is_read(path: Path, task: TaskConfig, root: Path) -> bool:
    """Whether the task reads the file: what is no text at all is refused."""
    before = path.read_bytes()
    path.write_bytes(b"\xff")
    try:
        load_samples(task, root, allow_partial=True)
    except UserError:
        return True
    finally:
        path.write_bytes(before)
    return False


def examine(benchmarks: Sequence[Benchmark], rng: random.Random) -> Outcome:
    """Damage one file of one benchmark, as bytes or in one of its values, and read the samples."""
    benchmark = rng.choice(benchmarks)
    path, before = rng.choice(benchmark.files)
    path.write_bytes(after := malformed(before, path.name, rng))
    try:
        samples = load_samples(benchmark.task, benchmark.root)
        for sample in samples:
            for image in sample.images:
                image.exists()
    finally:
        path.write_bytes(before)
    return judge(before, after, path.name, benchmark.clean, samples)


def malformed(data: bytes, name: str, rng: random.Random) -> bytes:
    """The file damaged as bytes, or as JSON with another value that UTF-8 can hold."""
    name = _true_name(name, data)
    if name.endswith(".jsonl") and rng.random() < 0.5:
        rows = parse(data, name)
        place = rng.randrange(len(rows))
        rows[place] = with_hostile_value(rows[place], rng)
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    if name.endswith(".json") and rng.random() < 0.5:
        return json.dumps(with_hostile_value(parse(data, name), rng)).encode()
    return damaged(data, rng)


def _true_name(name: str, data: bytes) -> str:
    """The name with the suffix of its content: POPE's files are JSON lines, though they are called .json."""
    return f"{name}l" if name.endswith(".json") and b"}\n{" in data else name


def judge(before: bytes, after: bytes, name: str, clean: Sequence[Sample], samples: Sequence[Sample]) -> Outcome:
    """Whether samples that were read without a word are what the file says."""
    name = _true_name(name, before)
    try:
        content = parse(after, name)
    except UnreadableError as error:
        require(False, f"{name} is read, though the standard library cannot: {error!s:.200}")
    require(len(samples) == len(clean), f"{len(samples)} samples instead of {len(clean)}")
    by_id = {sample.id: sample for sample in samples}  # keys of an object may come in another order
    pairs = [(old, by_id.get(old.id, new)) for old, new in zip(clean, samples, strict=True)]
    others = [(old, new) for old, new in pairs if not same(old, new)]
    if not others:
        return Outcome.SAME
    old_content = parse(before, name)
    require(not same(old_content, content), "other samples of the same content")
    rows = changed_rows(rows_of(old_content), rows_of(content))
    said = set(texts(rows))
    for old, new in others:
        require(_is_of_these(old, said) or _is_of_these(new, said), f"sample {old.id!r} is another: its row is not")
        require_no_python(_fields(old), _fields(new), content, f"sample {new.id!r}")
    return Outcome.CHANGED


def _is_of_these(sample: Sample, said: set[str]) -> bool:
    """Whether rows with these values are about the sample: something of it is among them."""
    known = {sample.id, sample.question, *sample.references, *sample.options, *(one.name for one in sample.images)}
    known |= set(texts(sample.meta))  # as the word lists that all samples of AMBER share
    return any(part and any(part in text or text in part for text in said if text) for part in known)


def _fields(sample: Sample) -> list[Any]:
    return [sample.id, sample.question, sample.references, sample.options, sample.hint]  # a category may be true


TARGET = Target(
    name="readers",
    what="official data files of 23 benchmarks, one damaged as bytes or in one value",
    wrong="a file that Python's own json and csv cannot read is read; samples of rows that were not touched differ; "
    "another number of samples; a value that is no text (null, a list, true) has become one",
    count=600,
    prepare=prepare,
    examine=examine,
)
