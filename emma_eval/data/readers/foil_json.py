"""FOIL's official layout: captions of COCO val2014 images, each true one with a foil that has one wrong word.

Each foil becomes a choice between it and its true caption. The order of the two is drawn with the sample's id as the
seed, so that every run asks the same; EMMA's script draws without a seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from emma_eval.data.readers.parsing import require_key, row_id, rows_to_samples, to_int
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageFile
from emma_eval.tasks.reader import Files, Reader
from emma_eval.types import Sample
from emma_eval.utils.json_io import read_json
from emma_eval.utils.text import preview

_KEYS = ("id", "image_id", "caption", "foil")
Annotation = dict[str, Any]


def _read_files(files: Files) -> list[Sample]:
    path, folder = files["annotations"], files.get("images", Path())
    records = require_key(read_json(path), "annotations", list, path)
    for index, record in enumerate(records):
        if not isinstance(record, dict) or not all(key in record for key in _KEYS):
            raise UserError(f"{path}, row {index}: an object with {', '.join(_KEYS)} is expected")
        if not isinstance(record["foil"], bool):
            raise UserError(
                f"{path}, row {index}: key 'foil': true or false is expected, not {preview(record['foil'])}"
            )
        try:
            record["id"] = row_id(record, "id")
        except ValueError as error:
            raise UserError(f"{path}, row {index}: {error}") from error

    def sample(pair: tuple[str, Annotation, Annotation]) -> Sample:
        sample_id, true, foil = pair
        image = ImageFile(folder, f"COCO_val2014_{to_int(true, 'image_id'):012d}.jpg")
        swapped = Random(sample_id).random() < 0.5
        captions = (foil["caption"], true["caption"]) if swapped else (true["caption"], foil["caption"])
        return Sample(sample_id, "", (image,), ("B" if swapped else "A",), captions, meta={"image": image.name})

    return rows_to_samples(path, _pairs(path, records), sample)


def _pairs(path: Path, records: list[Annotation]) -> Iterator[tuple[str, Annotation, Annotation]]:
    """(sample id, true caption, foil) in the order of the foils; a caption's second foil has the id `<id>.2`."""
    true = {record["id"]: record for record in records if not record["foil"]}
    seen: Counter[str] = Counter()
    for record in records:
        if not record["foil"]:
            continue
        name = record["id"]
        if name not in true:
            raise UserError(f"{path}: the foil with id {name} has no true caption")
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name}.{seen[name]}", true[name], record


READER = Reader(_read_files, required=("annotations",), folders=("images",))
