"""VQA's official files and hub rows in their usual form, decoded without a look at each value: VQAv2 in half the time.

What is unusual in them, a mistake or not, is left to `vqa_json`, which reads value by value and words mistakes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from emma_eval.data.hub.dataset import HubTable
from emma_eval.types import ImageSource, Sample
from emma_eval.utils.files import read_bytes

OFFICIAL_IDS = list(range(1, 11))  # of the ten answers: they tell equal ones apart
_NUMBERS = ("question_id", "image_id")
_TEXTS = ("question", "question_type", "answer_type")
_ANSWERS = r"list<\w+: struct<answer: string, .*answer_id: int64>>"
_COLUMNS = {  # of a hub table -> pattern of the Arrow type
    **dict.fromkeys(_NUMBERS, "int64"),
    **dict.fromkeys(_TEXTS, "string"),
    "answers": _ANSWERS,
}


class _Question(msgspec.Struct, gc=False):
    question_id: int
    image_id: int
    question: str


class _Questions(msgspec.Struct):
    questions: list[_Question]
    data_subtype: str = "val2014"


class _Answer(msgspec.Struct, gc=False):
    answer: str
    answer_id: int


class _Annotation(msgspec.Struct, gc=False):
    question_id: int
    question_type: str
    answer_type: str
    answers: list[_Answer]


class _Annotations(msgspec.Struct):
    annotations: list[_Annotation]


ImageSources = Callable[[str], Callable[[int], ImageSource]]  # the file's data_subtype -> image by image id


def read_typed(questions: Path, annotations: Path, image_sources: ImageSources) -> list[Sample] | None:
    """One sample per annotation, in their order, equal images and meta mappings shared; None for unusual files."""
    try:
        content = read_bytes(questions)
        asked = msgspec.json.decode(content, type=_Questions)
        usual = _each_once(content, len(asked.questions), _Question)
        content = read_bytes(annotations)
        told = msgspec.json.decode(content, type=_Annotations)
        usual = usual and _each_once(content, len(told.annotations), _Annotation)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    by_id = {question.question_id: question for question in asked.questions}
    if not usual or len(by_id) < len(asked.questions):
        return None
    image = cache(image_sources(asked.data_subtype))
    metas = _Metas()
    samples = []
    for one in told.annotations:
        question = by_id.get(one.question_id)
        if question is None or [answer.answer_id for answer in one.answers] != OFFICIAL_IDS:
            return None
        answers = tuple([answer.answer for answer in one.answers])  # equal texts are not shared: that takes as long
        meta = metas[one.question_type, one.answer_type]
        images = (image(question.image_id),)
        samples.append(
            Sample(str(one.question_id), question.question, images, answers, category=meta["answer_type"], meta=meta)
        )
    return samples


def _each_once(content: bytes, rows: int, kind: type[msgspec.Struct]) -> bool:
    """Whether every row has each key once: of a key that stands twice, the decoder keeps the last in silence.

    A quote within a text has a backslash before it, so that no text holds a key with both its quotes.
    """
    return all(content.count(b'"%s"' % name.encode()) == rows for name in kind.__struct_fields__)


def read_columns(rows: HubTable) -> list[Sample] | None:
    """The samples of a hub table that has the official columns, in their order; None for an unusual one."""
    table = rows.texts
    if not _is_usual(table):
        return None
    answers = table["answers"].combine_chunks()
    told = answers.flatten()
    if set(answers.value_lengths().to_numpy()) != {len(OFFICIAL_IDS)} or told.field("answer").null_count:
        return None
    if told.field("answer_id").to_numpy(zero_copy_only=False).tolist() != OFFICIAL_IDS * len(answers):
        return None
    tens = zip(*[iter(_texts(told.field("answer")))] * len(OFFICIAL_IDS), strict=True)
    identities, image_ids = (table[column].to_numpy().tolist() for column in _NUMBERS)
    questions, *kinds = (_texts(table[column].combine_chunks()) for column in _TEXTS)
    image = rows.sources("image")
    metas = _Metas()
    samples = []
    for row, (identity, image_id, question, answered, *kind) in enumerate(
        zip(identities, image_ids, questions, tens, *kinds, strict=True)
    ):
        meta = metas[kind[0], kind[1]]
        images = (image(row, str(image_id)),)
        samples.append(Sample(str(identity), question, images, answered, category=meta["answer_type"], meta=meta))
    return samples


def _is_usual(table: Any) -> bool:
    """Whether an Arrow table has the official columns in the official types, and no empty cell in them."""
    kinds = {field.name: str(field.type) for field in table.schema}
    known = all(re.fullmatch(pattern, kinds.get(column, "")) for column, pattern in _COLUMNS.items())
    return known and not any(table[column].null_count for column in _COLUMNS)


def _texts(array: Any) -> list[str]:
    """The texts of an Arrow array, equal ones shared."""
    coded = array.dictionary_encode()
    words: list[str] = coded.dictionary.to_pylist()
    return [words[place] for place in coded.indices.to_numpy().tolist()]


class _Metas(dict[tuple[str, str], dict[str, str]]):
    """(question type, answer type) -> the meta entries that all such questions share."""

    def __missing__(self, kinds: tuple[str, str]) -> dict[str, str]:
        self[kinds] = {"question_type": kinds[0], "answer_type": kinds[1]}
        return self[kinds]
