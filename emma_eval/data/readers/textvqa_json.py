"""TextVQA's official layout: one JSON file of questions; OCR tokens, where a task uses them, in a file of their own.

The tokens are Rosetta's: TextVQA_Rosetta_OCR_v0.2_val.json, or LLaVA's question file that has them in its text. They
become the sample's hint.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from emma_eval.data.readers.parsing import require_key, row_id, rows_to_samples
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageFile
from emma_eval.tasks.reader import Files, Reader, Row
from emma_eval.types import ImageSource, Sample
from emma_eval.utils.files import safe_relative_path
from emma_eval.utils.json_io import read_json, read_json_lines

_LLAVA_HEADING = "\nReference OCR token: "


def _read_files(files: Files) -> list[Sample]:
    path, folder = files["annotations"], files.get("images", Path())
    tokens = _tokens(files["ocr"]) if "ocr" in files else None

    def sample(row: dict[str, Any]) -> Sample:
        name = row["image_id"]
        if tokens is not None and name not in tokens:
            raise ValueError(f"image {name!r} has no OCR tokens in {files['ocr']}")
        return _sample(row, ImageFile(folder, safe_relative_path(f"{name}.jpg")), tokens[name] if tokens else "")

    return rows_to_samples(path, require_key(read_json(path), "data", list, path), sample)


def _read_rows(source: str, rows: Iterable[Row]) -> list[Sample]:
    return rows_to_samples(source, rows, lambda row: _sample(row, row["image"], ", ".join(row["ocr_tokens"])))


def _sample(row: Mapping[str, Any], image: ImageSource, tokens: str) -> Sample:
    meta = {"image": row["image_id"]}
    return Sample(
        row_id(row, "question_id"), row["question"], (image,), tuple(row.get("answers") or ()), hint=tokens, meta=meta
    )


def _tokens(path: Path) -> dict[str, str]:
    """Image id -> its OCR tokens, as one text."""
    if ".jsonl" not in path.suffixes:
        rows = require_key(read_json(path), "data", list, path)
        return {_text(path, row, "image_id"): ", ".join(_list(path, row)) for row in rows}
    lines = read_json_lines(path)
    return {_text(path, row, "question_id"): _llava_tokens(_text(path, row, "text")) for row in lines}


def _llava_tokens(text: str) -> str:
    """The tokens in the text of LLaVA's file, between its heading and the last line; empty without the heading."""
    return text.partition(_LLAVA_HEADING)[2].rpartition("\n")[0]


def _text(path: Path, row: Any, key: str) -> str:
    text: str = require_key(row, key, str, path)
    return text


def _list(path: Path, row: Any) -> Iterable[str]:
    tokens: list[str] = require_key(row, "ocr_tokens", list, path)
    if not all(isinstance(token, str) for token in tokens):
        raise UserError(f"{path}: key 'ocr_tokens': a list of texts is expected")
    return tokens


READER = Reader(_read_files, _read_rows, required=("annotations",), optional=("ocr",), folders=("images",))
