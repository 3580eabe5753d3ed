"""VQA's official files and hub rows, decoded by a schema: VQAv2 is read in half the time.

Content that does not fit the schema is left to `vqa_json`, which reads value by value and describes mistakes.
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

OFFICIAL_IDS = list(range(1, 11))  # of the ten answers, which make equal ones distinct
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
    """One sample per annotation, in their order, equal images and meta shared; None for files that do not fit."""
    try:
        content = _utf8(questions)
        question_file = msgspec.json.decode(content, type=_Questions)
        regular = _has_each_key_once(content, len(question_file.questions), _Question)
        content = _utf8(annotations)
        annotation_file = msgspec.json.decode(content, type=_Annotations)
        regular = regular and _has_each_key_once(content, len(annotation_file.annotations), _Annotation)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    by_id = {question.question_id: question for question in question_file.questions}
    if not regular or len(by_id) < len(question_file.questions):
        return None
    image = cache(image_sources(question_file.data_subtype))
    metas = _Metas()
    samples = []
    for annotation in annotation_file.annotations:
        question = by_id.get(annotation.question_id)
        if question is None or [answer.answer_id for answer in annotation.answers] != OFFICIAL_IDS:
            return None
        references = tuple([answer.answer for answer in annotation.answers])  # not shared: that takes as long
        meta = metas[annotation.question_type, annotation.answer_type]
        images = (image(question.image_id),)
        samples.append(
            Sample(
                str(annotation.question_id),
                question.question,
                images,
                references,
                category=meta["answer_type"],
                meta=meta,
            )
        )
    return samples


def _utf8(path: Path) -> bytes:
    """The bytes. Raises UnicodeDecodeError for others than UTF-8, which the decoder overlooks in what it skips."""
    content = read_bytes(path)
    if not content.isascii():
        content.decode()
    return content


def _has_each_key_once(content: bytes, rows: int, kind: type[msgspec.Struct]) -> bool:
    """Whether every row has each key once: the decoder keeps the last of a repeated key, without an error.

    A quote within a text has a backslash before it, so that no text holds a key with both its quotes.
    """
    return all(content.count(b'"%s"' % name.encode()) == rows for name in kind.__struct_fields__)


def read_columns(rows: HubTable) -> list[Sample] | None:
    """The samples of a hub table that has the official columns, in their order; None for one that does not fit."""
    table = rows.cells
    if not _has_official_columns(table):
        return None
    answers = table["answers"].combine_chunks()
    flat = answers.flatten()
    if set(answers.value_lengths().to_numpy()) != {len(OFFICIAL_IDS)} or flat.field("answer").null_count:
        return None
    if flat.field("answer_id").to_numpy(zero_copy_only=False).tolist() != OFFICIAL_IDS * len(answers):
        return None
    tens = zip(*[iter(_texts(flat.field("answer")))] * len(OFFICIAL_IDS), strict=True)
    question_ids, image_ids = (table[column].to_numpy().tolist() for column in _NUMBERS)
    questions, *kinds = (_texts(table[column].combine_chunks()) for column in _TEXTS)
    image = rows.image_sources("image")
    metas = _Metas()
    samples = []
    for row, (question_id, image_id, question, references, *kind) in enumerate(
        zip(question_ids, image_ids, questions, tens, *kinds, strict=True)
    ):
        meta = metas[kind[0], kind[1]]
        images = (image(row, str(image_id)),)
        samples.append(Sample(str(question_id), question, images, references, category=meta["answer_type"], meta=meta))
    return samples


def _has_official_columns(table: Any) -> bool:
    """Whether an Arrow table has the official columns in the official types, and no empty cell in them."""
    kinds = {field.name: str(field.type) for field in table.schema}
    known = all(re.fullmatch(pattern, kinds.get(column, "")) for column, pattern in _COLUMNS.items())
    return known and not any(table[column].null_count for column in _COLUMNS)


def _texts(array: Any) -> list[str]:
    """The texts of an Arrow array, equal ones shared."""
    coded = array.dictionary_encode()
    words: list[str] = coded.dictionary.to_pylist()
    return [words[index] for index in coded.indices.to_numpy().tolist()]


class _Metas(dict[tuple[str, str], dict[str, str]]):
    """(question type, answer type) -> the meta entries that all such questions share."""

    def __missing__(self, kinds: tuple[str, str]) -> dict[str, str]:
        self[kinds] = {"question_type": kinds[0], "answer_type": kinds[1]}
        return self[kinds]
