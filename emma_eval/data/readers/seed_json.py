"""SEED-Bench's official layout: SEED-Bench.json, a folder of images, and one extracted frame per video question.

A video is represented by its middle frame, saved as `<question type>_<question id>.png`: LLaVA-1.5's layout.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from emma_eval.data.readers.parsing import require_key, row_id, rows_to_samples, to_int, with_image_name
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageFile
from emma_eval.tasks.reader import Files, Reader, Row
from emma_eval.types import ImageSource, Sample
from emma_eval.utils.files import safe_relative_path
from emma_eval.utils.json_io import read_json
from emma_eval.utils.text import preview

_TYPES = {
    1: "Scene Understanding",
    2: "Instance Identity",
    3: "Instance Attributes",
    4: "Instance Location",
    5: "Instances Counting",
    6: "Spatial Relation",
    7: "Instance Interaction",
    8: "Visual Reasoning",
    9: "Text Understanding",
    10: "Action Recognition",
    11: "Action Prediction",
    12: "Procedure Understanding",
}


def _read_files(files: Files) -> list[Sample]:
    path, images, frames = files["questions"], files.get("images", Path()), files.get("frames", Path())
    content = read_json(path)
    questions = require_key(content, "questions", list, path)
    named = require_key(content, "question_type", dict, path, {})
    if wrong := [name for name, number in named.items() if type(number) is not int]:
        raise UserError(f"{path}: question_type {preview(wrong[0])} is {preview(named[wrong[0]])}, not a whole number")
    types = {number: name for name, number in named.items()} or _TYPES

    def sample(row: dict[str, Any]) -> Sample:
        if row["data_type"] not in ("image", "video"):
            raise ValueError(
                f"data_type {preview(row['data_type'])} is neither 'image' nor 'video', as in SEED-Bench-2 and other "
                "releases, which this task does not read"
            )
        if row["data_type"] == "video":
            image = ImageFile(frames, safe_relative_path(f"{row['question_type_id']}_{row['question_id']}.png"))
        else:
            image = ImageFile(images, safe_relative_path(row["data_id"]))
        return _sample(row, image, types)

    return rows_to_samples(path, questions, sample)


def _read_rows(source: str, rows: Iterable[Row]) -> list[Sample]:
    def sample(row: Row) -> Sample:
        return _sample(row, with_image_name(_middle_frame(row["image"]), row, "data_id"), _TYPES)

    return rows_to_samples(source, rows, sample)


def _middle_frame(image: ImageSource | list[ImageSource]) -> ImageSource:
    """The hub has a list of frames for a video; LLaVA-1.5 takes frame int((n - 1) / 2)."""
    return image[(len(image) - 1) // 2] if isinstance(image, list) else image


def _sample(row: Mapping[str, Any], image: ImageSource, types: Mapping[int, str]) -> Sample:
    type_id = to_int(row, "question_type_id")
    if type_id not in types:
        raise ValueError(f"question_type_id {type_id} is none of {', '.join(map(str, sorted(types)))}")
    if row["answer"] not in (*"ABCD", None):  # None is left to `rows_to_samples`, which names its key
        raise ValueError(f"answer {preview(row['answer'])} is none of ABCD")
    return Sample(
        row_id(row, "question_id"),
        row["question"],
        (image,),
        (row["answer"],),
        options=tuple(row[f"choice_{letter}"] for letter in "abcd"),
        category=types[type_id],
        meta={"question_type_id": type_id, "data_type": row["data_type"]},
    )


READER = Reader(_read_files, _read_rows, required=("questions",), folders=("images", "frames"))
