"""A run's samples as CSV, Parquet or JSON lines: in one file, or a file a task in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, get_args

from emma_eval.api.sample_rows import COLUMNS, SampleRow, TaskRows
from emma_eval.errors import UserError
from emma_eval.utils.files import make_output_folder, write_atomic
from emma_eval.utils.table_io import to_csv
from emma_eval.utils.text import replace_surrogates, sound

Format = Literal["csv", "parquet", "jsonl"]
FORMATS: tuple[Format, ...] = get_args(Format)
LISTS = ("references", "options", "images")


def format_of(output: Path) -> Format:
    """The format that a file's name ends with. Raises UserError for another ending."""
    ending = output.suffix.removeprefix(".")
    for name in FORMATS:
        if ending == name:
            return name
    raise UserError(f"{output}: the name ends with none of .{', .'.join(FORMATS)}; say the format, or name the file so")


def export_samples(tasks: Sequence[TaskRows], output: Path, form: Format) -> tuple[list[Path], list[str]]:
    """Write the rows; returns the paths written, and what is amiss with the rows.

    A path that ends with the format's name is one file of all tasks, any other a folder of TASK.FORMAT. Raises
    UserError for an unknown format, and where a folder is a file.
    """
    if form not in FORMATS:
        raise UserError(f"format {form!r}: one of {', '.join(FORMATS)} is expected")
    problems = [problem for task in tasks for problem in task.problems]
    if output.suffix == f".{form}" and not output.is_dir():
        make_output_folder(output.parent)
        write_atomic(output, CONTENT[form]([row for task in tasks for row in task.rows]))
        return [output], problems
    if output.suffix.removeprefix(".") in FORMATS and not output.is_dir():
        raise UserError(f"{output} is a name for {output.suffix.removeprefix('.')}, not for {form}")
    if output.exists() and not output.is_dir():
        raise UserError(f"{output} is a file: a folder, or a name that ends with .{form}, is expected")
    make_output_folder(output)
    written = []
    for task in tasks:
        if task.rows:
            written.append(output / f"{task.rows[0].task}.{form}")
            write_atomic(written[-1], CONTENT[form](task.rows))
    return written, problems


def _records(rows: Iterable[SampleRow]) -> Iterable[dict[str, Any]]:
    return ({name: getattr(row, name) for name in COLUMNS} for row in rows)


def _csv(rows: Sequence[SampleRow]) -> str:
    """Lists are JSON. No text is a formula to a spreadsheet: one that would be has `'` before it."""
    return replace_surrogates(to_csv(map(_with_json_lists, _records(rows)), COLUMNS))


def _with_json_lists(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
        for name, value in record.items()
    }


def _jsonl(rows: Sequence[SampleRow]) -> str:
    return replace_surrogates("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in _records(rows)))


def _parquet(rows: Sequence[SampleRow]) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    numbers = {"score": pa.float64(), "seconds": pa.float64(), "tokens": pa.int64(), "passes": pa.int64()}
    types = {name: pa.list_(pa.string()) if name in LISTS else numbers.get(name, pa.string()) for name in COLUMNS}
    columns = {name: pa.array(sound([getattr(row, name) for row in rows]), types[name]) for name in COLUMNS}
    content = BytesIO()
    parquet.write_table(pa.table(columns), content)
    return content.getvalue()


CONTENT: Mapping[Format, Callable[[Sequence[SampleRow]], str | bytes]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
}
