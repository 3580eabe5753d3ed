"""What a row of an answer file tells of the question it answers: text, image, options."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from emma_eval.predictions.answer_row import AnswerRow, cell_text

QUESTION_KEYS = ("question", "prompt", "query", "input", "Question")
IMAGE_KEYS = (
    "image", "image_name", "image_file", "image_path", "img_path", "filename", "imagename", "image_source", "image_id",
    "imageId", "img_id",
)  # fmt: skip
LETTERS = "ABCDEFGHIJ"
NO_OPTION = frozenset({"", "nan", "none", "n/a", "null"})
_LONGEST_NAME = 255  # of an image's name; longer cells hold an image as base64
_MARKERS = re.compile(r"<image(?: ?\d+)?>")
_COCO = re.compile(r"^COCO_[A-Za-z]+\d{4}_0*(?=\d)")


@lru_cache(maxsize=1 << 16)
def comparable(text: str) -> str:
    """A text for comparison: lower case, without image markers, repeated blanks and blank lines."""
    lines = (" ".join(line.split()) for line in _MARKERS.sub(" ", text).splitlines())
    return "\n".join(line for line in lines if line).casefold()


def question_texts(row: AnswerRow, keys: Iterable[str] = QUESTION_KEYS) -> list[tuple[str, str]]:
    """(key, text) of each of the keys that holds a text."""
    return [(key, text) for key in keys if (text := row.text(key)).strip()]


def contains_question(text: str, question: str) -> bool:
    """Whether a comparable text contains a comparable question, not as a part of a longer one."""
    start = text.find(question)
    while start >= 0:
        before, after = text[:start].rstrip(" "), text[start + len(question) :]
        starts = not before or not before[-1].isalnum()
        ends = not after.strip(" ") or after.lstrip(" ")[0] == "\n" or not question[-1].isalnum()
        if starts and ends:
            return True
        start = text.find(question, start + 1)
    return False


def image_stem(name: Any) -> str:
    """An image's name without folders, file type and COCO's prefix and zeros; empty if it is no name.

    Copies of a benchmark differ in all of these, and answer files may give COCO's images by number.
    """
    text = cell_text(name) or ""
    if not text or len(text) > _LONGEST_NAME:
        return ""
    base = text.replace("\\", "/").rpartition("/")[2]
    stem, dot, kind = base.rpartition(".")
    base = stem if dot and kind.isalnum() and len(kind) <= 4 else base
    base = _COCO.sub("", base)
    return (base.lstrip("0") or "0") if base.isdecimal() else base


def row_images(row: AnswerRow, keys: Iterable[str] = IMAGE_KEYS) -> list[str]:
    """The stems of the images that the row names."""
    return [stem for key in keys if (stem := image_stem(row.get(key)))]


def row_options(row: AnswerRow) -> Mapping[str, str]:
    """Letter -> text of the row's options, in columns A, B, ... or in LLaVA's lists; empty if it has none."""
    options, letters = row.get("options"), row.get("option_char")
    if isinstance(options, list) and isinstance(letters, list) and len(options) == len(letters):
        pairs = [(str(letter), cell_text(option)) for letter, option in zip(letters, options, strict=True)]
    elif "A" in row.cells or "A" in row.doc:
        pairs = [(letter, cell_text(row.get(letter))) for letter in LETTERS]
    else:
        return {}
    return {letter: text for letter, text in pairs if text and text.strip().casefold() not in NO_OPTION}


def equal_options(one: str, other: str) -> bool:
    """Whether two cells are the same option: a spreadsheet writes 3.0 as 3."""
    if comparable(one) == comparable(other):
        return True
    try:
        return float(one) == float(other)
    except ValueError:
        return False
