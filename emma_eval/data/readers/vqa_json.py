"""The official VQA layout (VQAv2, OK-VQA): a questions JSON, and an annotations JSON where answers are public.

For test-dev LLaVA's own question file is read too, JSON lines of {question_id, image, text}.
Images are COCO's: `COCO_val2014_%012d.jpg`, where `val2014` is the questions file's `data_subtype`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from emma_eval.data.hub.dataset import HubTable
from emma_eval.data.readers.parsing import require_key, row_id, rows_to_samples, to_int, with_image_name
from emma_eval.data.readers.vqa_typed import OFFICIAL_IDS, read_columns, read_typed
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageFile
from emma_eval.tasks.reader import Files, Reader, Row
from emma_eval.types import ImageSource, Sample
from emma_eval.utils.files import safe_relative_path
from emma_eval.utils.json_io import read_json, read_json_rows
from emma_eval.utils.text import preview

LLAVA_SUFFIX = "\nAnswer the question using a single word or phrase."
QUESTION_KEYS = {"question_id", "image_id", "question"}
_Images = tuple[ImageSource, ...]


def _read_files(files: Files) -> list[Sample]:
    folder = files.get("images", Path())
    if "annotations" in files:
        images = partial(_coco_images, files["questions"], folder)
        samples = read_typed(files["questions"], files["annotations"], images)
        if samples is not None:
            return samples
    content = read_json_rows(files["questions"])
    if isinstance(content, list):
        return rows_to_samples(files["questions"], content, partial(_llava_sample, folder))
    questions = require_key(content, "questions", list, files["questions"])
    subtype = require_key(content, "data_subtype", str, files["questions"], "val2014")
    image = _coco_images(files["questions"], folder, subtype)
    make = _SampleMaker()
    if "annotations" not in files:
        return rows_to_samples(files["questions"], questions, lambda q: make.unanswered(q, (image(q["image_id"]),)))
    annotations = require_key(read_json(files["annotations"]), "annotations", list, files["annotations"])
    by_id = _by_id(files["questions"], questions)

    def sample(annotation: dict[str, Any]) -> Sample:
        question = by_id.get(annotation["question_id"])
        if question is None:
            raise ValueError(f"question_id {annotation['question_id']!r} is not in {files['questions']}")
        return make.answered(annotation, question["question"], (image(question["image_id"]),))

    # One sample per annotation, in their order, repeats included, as the official scorer counts them.
    return rows_to_samples(files["annotations"], annotations, sample)


def _llava_sample(folder: Path, row: Mapping[str, Any]) -> Sample:
    """The sample of a line in LLaVA's question file, whose text holds the suffix."""
    question = row["text"].removesuffix(LLAVA_SUFFIX)
    return Sample(row_id(row, "question_id"), question, (ImageFile(folder, safe_relative_path(row["image"])),))


def _read_rows(source: str, rows: Iterable[Row]) -> list[Sample]:
    samples = read_columns(rows) if isinstance(rows, HubTable) else None
    if samples is not None:
        return samples
    make = _SampleMaker()

    def sample(row: Row) -> Sample:
        images = (with_image_name(row["image"], row, "image_id"),)
        return make.answered(row, row["question"], images) if row.get("answers") else make.unanswered(row, images)

    return rows_to_samples(source, rows, sample)


def _by_id(path: Path, questions: list[Any]) -> dict[Any, Any]:
    by_id: dict[Any, Any] = {}
    for index, question in enumerate(questions):
        if not (isinstance(question, dict) and question.keys() >= QUESTION_KEYS):
            raise UserError(f"{path}, row {index}: an object with {', '.join(sorted(QUESTION_KEYS))} is expected")
        question_id = question["question_id"]
        if not isinstance(question_id, int | str):
            raise UserError(f"{path}, row {index}: key 'question_id': a number is expected, not {preview(question_id)}")
        if by_id.setdefault(question_id, question) != question:
            raise UserError(f"{path}, row {index}: another question has the question_id {question_id!r} too")
    return by_id


def _coco_images(path: Path, folder: Path, subtype: str) -> Callable[[int], ImageFile]:
    """The image of an id, by the data_subtype of the file at `path`. Raises UserError for one that is a path."""
    # test-dev2015 is a part of test2015 and has its images
    begin = f"COCO_{'test2015' if subtype.startswith('test') else subtype}_"
    if "/" in begin or "\\" in begin or "\0" in begin:
        raise UserError(f"{path}: data_subtype {subtype!r:.80} is none of COCO's: val2014, test2015, ...")

    def image(image_id: Any) -> ImageFile:
        number = image_id if type(image_id) is int else to_int({"image_id": image_id}, "image_id")
        return ImageFile(folder, f"{begin}{number:012d}.jpg")

    return image


class _SampleMaker:
    """Makes samples that share equal strings and meta mappings, which saves memory: VQAv2 has two million answers."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._metas: dict[tuple[str, str], dict[str, Any]] = {}

    def unanswered(self, row: Mapping[str, Any], images: _Images) -> Sample:
        return Sample(row_id(row, "question_id"), row["question"], images)

    def answered(self, row: Mapping[str, Any], question: str, images: _Images) -> Sample:
        share = self._texts.setdefault
        texts = [answer if isinstance(answer, str) else answer["answer"] for answer in row["answers"]]
        answers = tuple([share(text, text) for text in texts])
        kinds = (row["question_type"], row["answer_type"])
        meta = self._metas.get(kinds)
        if meta is None:
            meta = self._metas[kinds] = {"question_type": kinds[0], "answer_type": kinds[1]}
        if not _are_distinct(row["answers"]):
            meta = {**meta, "answer_keys": tuple(map(_answer_key, row["answers"]))}
        return Sample(row_id(row, "question_id"), question, images, answers, category=kinds[1], meta=meta)


def _are_distinct(answers: list[Any]) -> bool:
    """Whether ids make all answers unequal; the official scorer compares them as whole objects.

    The hub's OK-VQA has the ten texts alone, whose ids are 1 to 10 in the official file.
    """
    if answers and isinstance(answers[0], str):
        return True
    ids = [answer.get("answer_id") for answer in answers]
    return ids == OFFICIAL_IDS or (len(set(ids)) == len(ids) and None not in ids)


def _answer_key(answer: dict[str, Any]) -> frozenset[tuple[str, Any]]:
    return frozenset((key, value) for key, value in answer.items() if key != "answer")


READER = Reader(
    _read_files,
    _read_rows,
    required=("questions",),
    optional=("annotations",),
    folders=("images",),
    repeats=True,
)
