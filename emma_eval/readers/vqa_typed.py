"""VQA's official files in their usual form, decoded straight into typed records: VQAv2 in half the time and memory.

What is unusual in a file, a mistake or not, is left to `vqa_json`, which reads it value by value and words mistakes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from emma_eval.files import read_bytes
from emma_eval.types import ImageSource, Sample

OFFICIAL_IDS = list(range(1, 11))  # of the ten answers: they tell equal ones apart


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


Pictures = Callable[[str], Callable[[int], ImageSource]]  # the file's data_subtype -> picture by image id


def read_typed(questions: Path, annotations: Path, pictures: Pictures) -> list[Sample] | None:
    """One sample per annotation, in their order, equal texts and meta mappings shared; None for unusual files."""
    try:
        asked = msgspec.json.decode(read_bytes(questions), type=_Questions)
        told = msgspec.json.decode(read_bytes(annotations), type=_Annotations)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    by_id = {question.question_id: question for question in asked.questions}
    picture = pictures(asked.data_subtype)
    texts: dict[str, str] = {}
    metas: dict[tuple[str, str], dict[str, str]] = {}
    samples = []
    for one in told.annotations:
        question = by_id.get(one.question_id)
        if question is None or [answer.answer_id for answer in one.answers] != OFFICIAL_IDS:
            return None
        kinds = (one.question_type, one.answer_type)
        meta = metas.get(kinds) or metas.setdefault(kinds, {"question_type": kinds[0], "answer_type": kinds[1]})
        answers = tuple([texts.setdefault(answer.answer, answer.answer) for answer in one.answers])
        images = (picture(question.image_id),)
        samples.append(Sample(str(one.question_id), question.question, images, answers, category=kinds[1], meta=meta))
    return samples
