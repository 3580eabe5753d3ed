"""ScienceQA's official layout: problems.json, pid_splits.json, and images in `<pid>/image.png`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from emma_eval.data.readers.parsing import (
    describe_type_error,
    id_text,
    option_letter,
    require_key,
    rows_to_samples,
    to_int,
)
from emma_eval.images.sources import ImageFile
from emma_eval.tasks.reader import Files, Reader, Row
from emma_eval.types import ImageSource, Sample
from emma_eval.utils.files import safe_relative_path
from emma_eval.utils.json_io import read_json, read_json_object

_SPLIT = "test"


def _read_files(files: Files) -> list[Sample]:
    problems, folder = read_json_object(files["problems"], "problem id"), files.get("images", Path())
    ids = require_key(read_json(files["splits"]), _SPLIT, list, files["splits"])

    def sample(pid: str) -> Sample:
        if pid not in problems:
            raise ValueError(f"problem {pid!r} is not in {files['problems']}")
        problem = problems[pid]
        images = (ImageFile(folder, safe_relative_path(f"{pid}/{problem['image']}")),) if problem["image"] else ()
        try:
            return _sample(pid, problem, images)
        except KeyError as error:
            raise ValueError(f"problem {pid!r} in {files['problems']} lacks the key {error.args[0]!r}") from error
        except (TypeError, AttributeError) as error:
            reason = describe_type_error(problem, error)
            raise ValueError(f"problem {pid!r} in {files['problems']}: {reason}") from error

    return rows_to_samples(files["splits"], ids, sample)


def _read_rows(source: str, rows: Iterable[Row]) -> list[Sample]:
    def sample(indexed_row: tuple[int, Row]) -> Sample:
        index, row = indexed_row  # hub rows have no problem id: their index in the split is used
        return _sample(id_text(row.get("id", index), "id"), row, (row["image"],) if row["image"] else ())

    return rows_to_samples(source, enumerate(rows), sample)


def _sample(pid: str, problem: Mapping[str, Any], images: tuple[ImageSource, ...]) -> Sample:
    options = tuple(problem["choices"])
    return Sample(
        pid,
        problem["question"],
        images,
        (option_letter(to_int(problem, "answer"), len(options)),),
        options,
        hint=problem["hint"],
        category=problem["subject"],
        meta={key: problem[key] for key in ("subject", "grade", "topic")} | {"has_image": bool(images)},
    )


READER = Reader(_read_files, _read_rows, required=("problems", "splits"), folders=("images",))
