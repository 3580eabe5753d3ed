"""POPE's official layout: three JSON-lines files (random, popular, adversarial) on COCO val2014 images.

Each file numbers its questions from 1, so sample ids count over all three: 0 to 8999.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from emma_eval.data.readers.parsing import rows_to_samples, to_int
from emma_eval.images.sources import ImageFile
from emma_eval.tasks.reader import Files, Reader, Row
from emma_eval.types import ImageSource, Sample
from emma_eval.utils.files import safe_relative_path
from emma_eval.utils.json_io import read_json_lines

_CATEGORIES = ("random", "popular", "adversarial")


def _read_files(files: Files) -> list[Sample]:
    folder = files.get("images", Path())
    samples: list[Sample] = []
    for category in _CATEGORIES:
        before = len(samples)

        def sample(indexed_row: tuple[int, dict[str, Any]], category: str = category) -> Sample:
            index, row = indexed_row
            image = ImageFile(folder, safe_relative_path(row["image"]))
            return _sample(index, category, row, row["image"], image)

        rows = enumerate(read_json_lines(files[category]), before)
        samples += rows_to_samples(files[category], rows, sample)
    return samples


def _read_rows(source: str, rows: Iterable[Row]) -> list[Sample]:
    def order(row: Row) -> int:
        return _CATEGORIES.index(row["category"]) if row.get("category") in _CATEGORIES else len(_CATEGORIES)

    def sample(indexed_row: tuple[int, Row]) -> Sample:
        index, row = indexed_row
        name = row.get("image_source") or row["image"].label
        # the hub's names for `text` and `label` are `question` and `answer`
        row = {"text": row.get("question"), "label": row.get("answer"), **row}
        return _sample(index, row["category"], row, name if "." in name else f"{name}.jpg", row["image"])

    return rows_to_samples(source, enumerate(sorted(rows, key=order)), sample)


def _sample(index: int, category: str, row: Mapping[str, Any], image_name: str, image: ImageSource) -> Sample:
    if row["label"] not in ("yes", "no"):
        raise ValueError(f"label {row['label']!r} is neither 'yes' nor 'no'")
    meta = {"question_id": to_int(row, "question_id"), "image": image_name}
    return Sample(str(index), row["text"], (image,), (row["label"],), category=category, meta=meta)


READER = Reader(_read_files, _read_rows, required=_CATEGORIES, folders=("images",))
