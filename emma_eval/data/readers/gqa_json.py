"""GQA's official layout: a JSON object question id -> question; optionally a choices file for validity."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from emma_eval.data.readers.parsing import row_id, rows_to_samples
from emma_eval.images.sources import ImageFile
from emma_eval.tasks.reader import Files, Reader, Row
from emma_eval.types import ImageSource, Sample
from emma_eval.utils.files import safe_relative_path
from emma_eval.utils.json_io import read_json_object


def _read_files(files: Files) -> list[Sample]:
    path, folder = files["questions"], files.get("images", Path())
    questions = read_json_object(path, "question id")
    choices = read_json_object(files["choices"], "question id") if "choices" in files else {}

    def sample(item: tuple[str, dict[str, Any]]) -> Sample:
        key, question = item
        image = ImageFile(folder, safe_relative_path(f"{question['imageId']}.jpg"))
        return _sample(key, question, image, choices.get(key, {}))

    return rows_to_samples(path, questions.items(), sample)


def _read_rows(source: str, rows: Iterable[Row]) -> list[Sample]:
    return rows_to_samples(source, rows, lambda row: _sample(row_id(row, "id"), row, row["image"], {}))


def _sample(key: str, question: Mapping[str, Any], image: ImageSource, choices: Mapping[str, Any]) -> Sample:
    types = question["types"]
    meta = {
        "types": types,
        "semantic": question["semantic"],
        "groups": question["groups"],
        "entailed": _ids(question["entailed"]),
        "is_balanced": question["isBalanced"],
        **{name: choices[name] for name in ("valid", "plausible") if name in choices},
    }
    return Sample(key, question["question"], (image,), (question["answer"],), category=types["structural"], meta=meta)


def _ids(entailed: str | Iterable[str]) -> tuple[str, ...]:
    """The hub keeps the list as its text: "['201640614', ...]"."""
    return tuple(re.findall(r"\w+", entailed) if isinstance(entailed, str) else entailed)


READER = Reader(_read_files, _read_rows, required=("questions",), optional=("choices",), folders=("images",))
