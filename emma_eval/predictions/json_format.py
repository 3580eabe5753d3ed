"""Read JSON files of answers: lines, an array, an object that maps ids to answers, lmms-eval's sample files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from emma_eval.errors import UserError
from emma_eval.predictions.answer_key import ANSWER_KEYS
from emma_eval.predictions.answer_row import ID_KEYS, AnswerRow
from emma_eval.utils.json_io import parse_json

ROW_KEYS = frozenset((*ID_KEYS, *ANSWER_KEYS))  # an object with any of them is a row, not a mapping of ids to rows
# Of a sample file of lmms-eval; `question_id` and `pass_index` are there if this program's `export` wrote it.
LMMS_EVAL_KEYS = ("question_id", "pass_index", "doc_id", "input", "filtered_resps", "resps")
LISTS = ("correct", "incorrect")  # of the output file of LLaVA's eval_science_qa.py


def json_rows(path: Path, text: str) -> Iterator[AnswerRow]:
    """The rows in a file's text. Raises UserError, naming line or row, for one that cannot be read."""
    return _array(path, text) if text.lstrip()[:1] == "[" else _lines(path, text)


def _lines(path: Path, text: str) -> Iterator[AnswerRow]:
    """One row per line, unless the file is one object over several lines, or one line with all answers."""
    first = text.lstrip().split("\n", 1)[0].rstrip()
    if first.startswith("{") and not first.endswith("}"):
        yield from _by_id(path, _parsed(text, path))
        return
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    for number, line in lines:
        row = _parsed(line, path, number)
        if isinstance(row, dict) and len(lines) == 1:
            yield from _by_id(path, row)
            return
        yield _row(path, f"line {number}", row)


def _array(path: Path, text: str) -> Iterator[AnswerRow]:
    for number, row in enumerate(_parsed(text, path)):
        yield _row(path, f"row {number}", row)


def _by_id(path: Path, content: Any) -> Iterator[AnswerRow]:
    """Answers by id: texts, or objects that hold them, in ScienceQA's files below `outputs`; or the file's only row."""
    if not isinstance(content, dict):
        raise UserError(f"{path}: JSON objects are expected, not {type(content).__name__}")
    if all(isinstance(content.get(name), list) for name in LISTS):
        for name in LISTS:
            for number, row in enumerate(content[name]):
                yield _row(path, f"{name} {number}", row)
        return
    outputs = content.get("outputs", content)
    if not isinstance(outputs, dict):
        raise UserError(f"{path}: a JSON object must map ids to texts, or have such a one as 'outputs'")
    if outputs is content and not ROW_KEYS.isdisjoint(outputs):
        yield _row(path, "line 1", outputs)
        return
    for name, output in outputs.items():
        cells = output if isinstance(output, dict) else {"text": output}
        yield AnswerRow(f"key {name!r:.80}", {**cells, "question_id": name})


def _row(path: Path, location: str, row: Any) -> AnswerRow:
    if not isinstance(row, dict):
        raise UserError(f"{path}, {location}: a JSON object is expected, not {type(row).__name__}")
    if "doc_id" in row and ("filtered_resps" in row or "resps" in row):
        return _lmms_eval_row(location, row)
    return AnswerRow(location, row)


def _lmms_eval_row(location: str, row: Mapping[str, Any]) -> AnswerRow:
    """A row with the answer and the benchmark's own row; the file's other keys are scores and hashes."""
    cells = {key: row[key] for key in LMMS_EVAL_KEYS if key in row}
    doc = row.get("doc")
    return AnswerRow(location, cells, doc if isinstance(doc, dict) else {})


def _parsed(text: str, path: Path, line: int | None = None) -> Any:
    return parse_json(text, path, line, nan_as_null=True)
