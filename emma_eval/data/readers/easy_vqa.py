"""The test split of the package `easy-vqa`: 64 x 64 images of shapes, 13 answers. The data lie in the package."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from emma_eval.data.readers.parsing import rows_to_samples
from emma_eval.errors import MissingToolError
from emma_eval.images.sources import ImageFile
from emma_eval.tasks.reader import Files, Reader
from emma_eval.types import Sample
from emma_eval.utils.json_io import read_json


def _read_files(files: Files) -> list[Sample]:
    folder = files["folder"] if "folder" in files else installed_data("test")

    def sample(indexed_row: tuple[int, list[Any]]) -> Sample:
        index, (question, answer, image) = indexed_row
        category = "yes/no" if answer in ("yes", "no") else "other"
        return Sample(
            str(index),
            question,
            (ImageFile(folder / "images", f"{int(image)}.png"),),
            (answer,),
            category=category,
            meta={"image": int(image)},
        )

    path = folder / "questions.json"
    return rows_to_samples(path, enumerate(read_json(path)), sample)


def installed_data(split: str) -> Path:
    """The folder of a split in the installed package. Raises MissingToolError where there is none."""
    spec = find_spec("easy_vqa")
    if spec is None or spec.origin is None:
        raise MissingToolError("the task easy_vqa needs the package easy-vqa: pip install 'emma-eval[mini]'")
    return Path(spec.origin).parent / "data" / split


READER = Reader(_read_files, optional=("folder",))
