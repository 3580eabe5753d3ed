"""VizWiz-VQA's official layout: one JSON list of {image, question, answers, answer_type, answerable}."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from emma_eval.data.readers.parsing import rows_to_samples, to_int
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageFile
from emma_eval.tasks.reader import Files, Reader, Row
from emma_eval.types import ImageSource, Sample
from emma_eval.utils.files import safe_relative_path
from emma_eval.utils.json_io import read_json


def _read_files(files: Files) -> list[Sample]:
    path, folder = files["questions"], files.get("images", Path())
    rows = read_json(path)
    if not isinstance(rows, list):
        raise UserError(f"{path}: a JSON list of questions is expected")

    def sample(row: dict[str, Any]) -> Sample:
        answers = tuple(answer["answer"] for answer in row.get("answers", ()))
        return _sample(row["image"], row, ImageFile(folder, safe_relative_path(row["image"])), answers)

    return rows_to_samples(path, rows, sample)


def _read_rows(source: str, rows: Iterable[Row]) -> list[Sample]:
    def sample(row: Row) -> Sample:
        return _sample(f"{row['question_id']}.jpg", row, row["image"], tuple(row.get("answers") or ()))

    return rows_to_samples(source, rows, sample)


def _sample(name: str, row: Mapping[str, Any], image: ImageSource, answers: tuple[str, ...]) -> Sample:
    kind = row.get("answer_type") or row.get("category") or ""  # the hub calls the answer's type `category`
    meta: dict[str, Any] = {"answer_type": kind} if kind else {}
    if row.get("answerable") is not None:
        meta["answerable"] = to_int(row, "answerable")
    return Sample(name, row["question"], (image,), answers, category=kind, meta=meta)


READER = Reader(_read_files, _read_rows, required=("questions",), folders=("images",))
