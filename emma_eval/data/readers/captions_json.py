"""Reference captions in COCO's layout (images, annotations) or Karpathy's (dataset_coco.json, dataset_flickr30k.json).

Karpathy's files hold all splits; the split is a meta entry. A COCO file is one split, called `test` here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emma_eval.data.readers.parsing import require_key, row_id, rows_to_samples, to_int
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageFile
from emma_eval.tasks.reader import Files, Reader
from emma_eval.types import Sample
from emma_eval.utils.files import safe_relative_path
from emma_eval.utils.json_io import read_json_object

_IMAGE_ID = "key 'image_id' is missing"


def _read_files(files: Files) -> list[Sample]:
    path, folder = files["captions"], files.get("images", Path())
    content = read_json_object(path)
    images = require_key(content, "images", list, path)
    if "annotations" not in content:
        return rows_to_samples(path, images, lambda row: _karpathy(row, folder))
    captions: dict[str, list[str]] = {}
    for index, row in enumerate(require_key(content, "annotations", list, path)):
        source = Path(f"{path}, annotation {index}")
        caption = require_key(row, "caption", str, source)
        try:
            captions.setdefault(row_id(row, "image_id"), []).append(caption)
        except (KeyError, ValueError) as error:
            raise UserError(f"{source}: {_IMAGE_ID if isinstance(error, KeyError) else error}") from error
    return rows_to_samples(path, images, lambda row: _coco(row, folder, captions))


def _karpathy(row: Mapping[str, Any], folder: Path) -> Sample:
    """COCO's images are in a folder per year, named in the file; Flickr30k's have no folder, and ids of their own."""
    name = f"{row['filepath']}/{row['filename']}" if "filepath" in row else row["filename"]
    captions = tuple(sentence["raw"] for sentence in row["sentences"])
    return _sample(
        row_id(row, "cocoid" if "cocoid" in row else "imgid"),
        ImageFile(folder, safe_relative_path(name)),
        captions,
        row["split"],
    )


def _coco(row: Mapping[str, Any], folder: Path, captions: Mapping[str, list[str]]) -> Sample:
    """Files made for scoring alone leave out image names; they are those of COCO val2014 then."""
    name = row.get("file_name") or f"val2014/COCO_val2014_{to_int(row, 'id'):012d}.jpg"
    image = ImageFile(folder, safe_relative_path(name))
    image_id = row_id(row, "id")
    return _sample(image_id, image, tuple(captions.get(image_id, ())), "test", row.get("domain", ""))


def _sample(image_id: str, image: ImageFile, captions: tuple[str, ...], split: str, domain: str = "") -> Sample:
    meta = {"split": split, "image": image.name}
    return Sample(image_id, "", (image,), captions, category=domain, meta=meta)


READER = Reader(_read_files, required=("captions",), folders=("images",))
