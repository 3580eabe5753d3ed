"""MathVista's official layout: testmini.json, a JSON object problem id -> problem, and images in `images/`.

The question is the official query: a hint on the form of the answer, the question, its choices. Where the file lacks
it, it is composed as the official code does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from emma_eval.data.readers.parsing import option_letter, row_id, rows_to_samples, string_list
from emma_eval.images.sources import ImageFile
from emma_eval.tasks.reader import Files, Reader, Row
from emma_eval.types import ImageSource, Sample
from emma_eval.utils.files import safe_relative_path
from emma_eval.utils.json_io import read_json_object
from emma_eval.utils.text import preview

_CHOICE = "and provide the correct option letter, e.g., A, B, C, D, at the end."
_FORMS = {
    "integer": "requiring an integer answer and provide the final value, e.g., 1, 2, 3, at the end.",
    "float1": "requiring a floating-point number with one decimal place and provide the final value, "
    "e.g., 1.2, 1.3, 1.4, at the end.",
    "float2": "requiring a floating-point number with two decimal places and provide the final value, "
    "e.g., 1.23, 1.34, 1.45, at the end.",
    "list": "requiring a Python list as an answer and provide the final list, "
    "e.g., [1, 2, 3], [1.2, 1.3, 1.4], at the end.",
}
_KEYS = ("question_type", "answer_type")


def _read_files(files: Files) -> list[Sample]:
    path, folder = files["problems"], files.get("images", Path())

    def sample(item: tuple[str, dict[str, Any]]) -> Sample:
        pid, problem = item
        return _sample(pid, problem, ImageFile(folder, safe_relative_path(problem["image"])))

    return rows_to_samples(path, read_json_object(path, "problem id").items(), sample)


def _read_rows(source: str, rows: Iterable[Row]) -> list[Sample]:
    return rows_to_samples(source, rows, lambda row: _sample(row_id(row, "pid"), row, row["decoded_image"]))


def _sample(pid: str, problem: Mapping[str, Any], image: ImageSource) -> Sample:
    skills = string_list(list(problem["metadata"].get("skills", [])), "skills")
    kinds = {key: value for key, value in problem["metadata"].items() if isinstance(value, str)}
    meta = (
        kinds
        | {key: _text(problem, key) for key in _KEYS}
        | {"precision": problem["precision"], "skills": skills, "image": str(problem["image"])}
    )
    if problem["question_type"] == "multi_choice" and not problem["choices"]:
        raise ValueError("a multi_choice problem has no choices")
    return Sample(
        pid,
        problem.get("query") or query(problem),
        (image,),
        (problem["answer"],) if problem["answer"] else (),
        tuple(problem["choices"] or ()),
        category=problem["metadata"]["task"],
        meta=meta,
    )


def _text(problem: Mapping[str, Any], key: str) -> str:
    text = problem[key]
    if not isinstance(text, str):
        raise ValueError(f"{key} must be a text, not {preview(text)}")  # noqa: TRY004 (its message is for the user)
    return text


def query(problem: Mapping[str, Any]) -> str:
    """The official query of a problem, without examples. Raises ValueError for an unknown kind of answer."""
    kind = problem["answer_type"]
    if kind == "float" and problem["precision"] is not None:
        kind += f"{problem['precision']:.0f}"
    form = _CHOICE if problem["question_type"] == "multi_choice" else _FORMS.get(kind)
    if form is None:
        raise ValueError(f"answer_type and precision make {kind!r}, and there are {', '.join(_FORMS)}")
    unit = f" (Unit: {problem['unit']})" if problem["unit"] else ""
    lines = [f"Hint: Please answer the question {form}", f"Question: {problem['question']}{unit}"]
    if choices := problem["choices"]:
        lines += ["Choices:"]
        lines += [f"({option_letter(index, len(choices))}) {choice}" for index, choice in enumerate(choices)]
    return "\n".join(lines)


READER = Reader(_read_files, _read_rows, required=("problems",), folders=("images",))
