"""Random benchmarks and their answer files in every format, rows of them shuffled, lost, doubled and foreign."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from emma_eval.images.sources import ImageFile
from emma_eval.predictions.join_strategies import PassCounts
from emma_eval.tasks.loading import load_task
from emma_eval.types import Key, Sample
from tests import prediction_formats as formats
from tests.prediction_formats import Given, Rows

QUESTIONS = ("Is it red?", "Is it blue?", "What is it?", "What is it, and is it red?", "Name it", "Name it all")
WORDS = ("cat", "dog", "red", "None", "3.0")
FOREIGN = 500  # ids from here on are not in the data


def _image(name: str) -> tuple[ImageFile, ...]:
    from pathlib import Path

    return (ImageFile(Path(), name),)


def _plain(number: int, question: str, image: int, _: str) -> Sample:
    return Sample(str(number), question, _image(f"COCO_val2014_{image:012d}.jpg"))


def _pope(number: int, question: str, image: int, category: str) -> Sample:
    name = f"COCO_val2014_{image:012d}.jpg"
    return Sample(str(number), question, _image(name), category=category, meta={"question_id": number, "image": name})


def _mme(number: int, question: str, image: int, category: str) -> Sample:
    name = f"{image:04d}.jpg"
    asked = f"{question} Please answer yes or no."
    return Sample(f"{category}/{name}#{number}", asked, _image(name), category=category, meta={"image": name})


def _textvqa(number: int, question: str, image: int, _: str) -> Sample:
    name = f"{image:02d}ab"
    return Sample(str(34000 + number), question.lower(), _image(f"{name}.jpg"), meta={"image": name})


def _vizwiz(number: int, question: str, _: int, __: str) -> Sample:
    name = f"VizWiz_val_{number:08d}.jpg"
    return Sample(name, question, _image(name))


def _mmbench(number: int, question: str, image: int, category: str) -> Sample:
    options = tuple(WORDS[(number + place) % 3] for place in range(2 + image % 2))
    return Sample(str(number), question, _image("x"), ("A",), options, category=category)


@dataclass(frozen=True)
class Kind:
    """A benchmark: how a sample is made, and the formats of its files."""

    task: str
    make: Callable[[int, str, int, str], Sample]
    writers: tuple[tuple[str, Callable[[Given], str]], ...]


LINES, JSON, TSV = "a.jsonl", "a.json", "a.tsv"
KINDS = (
    Kind(
        "vqav2",
        _plain,
        (
            (JSON, formats.official("question_id", "answer")),
            (LINES, formats.llava_answers()),
            (TSV, formats.sheet()),
            (JSON, formats.object_of_texts),
        ),
    ),
    Kind("gqa", _plain, ((JSON, formats.official("questionId", "prediction")), (LINES, formats.with_question))),
    Kind(
        "pope",
        _pope,
        (
            (LINES, formats.llava_answers(formats.llava_pope)),
            (LINES, formats.llava_answers(lambda _, sample: sample.id)),
            (JSON, formats.official("question_id", "answer")),
            (LINES, formats.with_question),
            (TSV, formats.sheet()),
        ),
    ),
    Kind("mme", _mme, ((LINES, formats.llava_answers(formats.mme_id)), (TSV, formats.sheet()))),
    Kind(
        "textvqa",
        _textvqa,
        (
            (LINES, formats.llava_answers(lambda _, sample: sample.meta["image"])),
            (JSON, formats.official("question_id", "answer")),
        ),
    ),
    Kind(
        "vizwiz",
        _vizwiz,
        (
            (JSON, formats.official("image", "answer", number_ids=False)),
            (LINES, formats.llava_answers(formats.row_number)),
        ),
    ),
    Kind(
        "mmbench_en",
        _mmbench,
        ((TSV, formats.upload_mmbench), (LINES, formats.llava_answers()), (TSV, formats.sheet(lambda _, s: int(s.id)))),
    ),
)


@dataclass(frozen=True)
class World:
    """An answer file, what it was made of, and the answers that its rows hold, the last of repeated ones."""

    given: Given
    name: str
    content: str
    kept: dict[Key, str]
    foreign: bool


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A benchmark of a few samples and a file of answers to it, whole or not."""
    kind = draw(st.sampled_from(KINDS))
    task = load_task(kind.task)
    count = draw(st.integers(1, 7))
    categories = ("random", "popular", "adversarial")

    def sample(number: int, first: int = 0) -> Sample:
        question, image = draw(st.sampled_from(QUESTIONS)), draw(st.integers(1, 3)) + first
        return kind.make(number + first, question, image, categories[number % 3])

    samples = [sample(number) for number in range(count)]
    strangers = [sample(number, FOREIGN) for number in range(draw(st.integers(0, 2)))]
    everyone = [*samples, *strangers]
    passes = PassCounts(everyone, task)
    texts = {(s.id, r): f"answer {s.id} {r}" for s in everyone for r in range(passes.count(s.id))}
    given = Given(task, everyone, texts, [])
    name, write = draw(st.sampled_from(kind.writers))
    rows = [(key, _rows(name, write(replace(given, texts={key: text})))[0]) for key, text in texts.items()]
    rows = draw(st.permutations([row for row in rows if draw(st.integers(0, 9))]))
    if rows and draw(st.booleans()):
        rows = [*rows, draw(st.sampled_from(rows))]
    own = {one.id for one in samples}
    return World(
        Given(task, samples, {key: text for key, text in texts.items() if key[0] in own}, []),
        name,
        _written(name, write, [row for _, row in rows]),
        {key: texts[key] for key, _ in rows if key[0] in own},
        any(key[0] not in own for key, _ in rows),
    )


def _rows(name: str, content: str) -> Rows:
    if name == TSV:
        return list(csv.DictReader(io.StringIO(content), delimiter="\t"))
    rows: Any = json.loads(content)
    if isinstance(rows, list):
        return rows
    return [rows]


def _written(name: str, write: Callable[[Given], str], rows: Rows) -> str:
    if not rows:
        return ""
    if name == TSV:
        return formats.tsv(rows)
    if write is formats.object_of_texts:
        return json.dumps({key: text for row in rows for key, text in row.items()})
    return json.dumps(rows) if name == JSON else formats.lines(rows)
