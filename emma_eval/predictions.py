"""Reading answers made anywhere: JSON lines, and the result formats of the official tools, plain or gzip.

- JSON lines: `question_id`, `text`, and `round_id` for circular passes; a run's own `responses/<task>.jsonl`
- VQA, VizWiz, GQA: a JSON array of {question_id, answer}, {image, answer}, {questionId, prediction}
- ScienceQA: the results file with its `outputs`; MMBench: TSV, CSV or xlsx with `index` and `prediction`
- MME: a folder with a text file a subtask, each line picture, question, truth, answer
- POPE: JSON lines of {question, answer} without ids, joined by position as the official script does

Rows are joined with the samples by id; of repeated ids the last row counts, as in all official tools.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from emma_eval.errors import UserError
from emma_eval.readers.files import parse_json, read_text
from emma_eval.text import counted
from emma_eval.types import Answer, Sample

ID_KEYS = ("question_id", "questionId", "index", "id", "image")
TEXT_KEYS = ("text", "answer", "prediction")
ROUND_KEYS = ("round_id", "round")
CATEGORY_KEYS = ("category", "task")
PASS = 1_000_000  # MMBench adds it to a question's index for each pass
YES_OR_NO = "Please answer yes or no."  # the end of MME's questions, which some files leave out

Row = Mapping[str, Any]
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Predictions:
    """Answers by (sample id, round), the requests that the file records as failed, and remarks on the file."""

    answers: Mapping[Key, Answer]
    failed: frozenset[Key]
    notes: tuple[str, ...]


def read_predictions(path: Path, samples: Sequence[Sample], *, ignore_foreign: bool = False) -> Predictions:
    """The file's answers to the samples.

    Raises UserError, naming file and line, for rows that cannot be read, and for answers to questions that are not
    among the samples, unless those are to be ignored.
    """
    join = _Join(path, samples)
    answers: dict[Key, Answer] = {}
    failed: set[Key] = set()
    foreign: list[str] = []
    repeated = 0
    for place, row in _rows(path):
        key, text = join.key(place, row), _text(path, place, row)
        if key is None:
            foreign.append(join.name(row))
            continue
        repeated += key in answers or key in failed
        if text is None:
            answers.pop(key, None)
            failed.add(key)
        else:
            failed.discard(key)
            answers[key] = Answer(text, row.get("prompt") or "")
    if not (answers or failed or foreign):
        raise UserError(f"{path}: there are no answers in it")
    join.check_positions()
    if foreign and not ignore_foreign:
        raise UserError(
            f"{path}: {counted(len(foreign), 'answer')} to questions that are not in the data, the first to "
            f"{foreign[0][:40]!r}; "
            "take the task and split that they are for, or pass --allow-partial to leave them out"
        )
    notes = [f"{counted(repeated, 'repeated answer')}: the later one counts"] if repeated else []
    if foreign:
        notes.append(f"left out: {counted(len(foreign), 'answer')} to questions that are not among the samples")
    return Predictions(answers, frozenset(failed), tuple(notes))


class _Join:
    """Finds the sample that a row answers: by id, by picture and question, or by position."""

    def __init__(self, path: Path, samples: Sequence[Sample]) -> None:
        self._path = path
        self._samples = samples
        self._ids = {sample.id for sample in samples}
        self._pictures: dict[tuple[str, str, str], str] | None = None
        self._position = 0

    def key(self, place: str, row: Row) -> Key | None:
        """(sample id, round) of the row; None for a question that is not among the samples."""
        name = self.name(row)
        key = self._by_id(name, self._round(place, row))
        if key is None and "image" in row and "question" in row:
            return self._by_picture(row)
        if name:
            return key
        if "question" in row:
            return self._by_position(place, row)
        raise UserError(
            f"{self._path}, {place}: no id; one of the keys {', '.join(ID_KEYS)} is expected, "
            f"the row has {', '.join(row) or 'none'}"
        )

    @staticmethod
    def name(row: Row) -> str:
        """The row's id as text, empty if it has none."""
        return next((str(row[key]) for key in ID_KEYS if key in row), "")

    def check_positions(self) -> None:
        """Raise UserError if rows were joined by position and there are fewer than samples."""
        if self._position and self._position != len(self._samples):
            raise UserError(
                f"{self._path}: {self._position:,} rows without ids for {len(self._samples):,} questions; such are "
                "joined by position, so that none may be missing: give every row its question_id"
            )

    def _round(self, place: str, row: Row) -> int:
        value = next((row[key] for key in ROUND_KEYS if key in row), 0)
        if not isinstance(value, int):
            raise UserError(f"{self._path}, {place}: round_id {value!r} is not a whole number")
        return value

    def _by_id(self, name: str, round_id: int) -> Key | None:
        if name in self._ids:
            return name, round_id
        if name.isdecimal() and int(name) >= PASS:
            passes, base = divmod(int(name), PASS)
            if str(base) in self._ids:
                return str(base), passes
        return None

    def _by_picture(self, row: Row) -> Key | None:
        """MME's way; a picture's file type differs between copies of the data."""
        if self._pictures is None:
            self._pictures = {
                (s.category, _stem(s.meta["image"]), _bare(s.question)): s.id
                for s in self._samples
                if "image" in s.meta
            }
        category = next((row[key] for key in CATEGORY_KEYS if key in row), "")
        sample_id = self._pictures.get((category, _stem(str(row["image"])), _bare(str(row["question"]))))
        return None if sample_id is None else (sample_id, 0)

    def _by_position(self, place: str, row: Row) -> Key | None:
        position, self._position = self._position, self._position + 1
        if position >= len(self._samples):
            return None
        sample = self._samples[position]
        if sample.question != row["question"]:
            raise UserError(
                f"{self._path}, {place}: rows without ids are joined by position, but this one asks "
                f"{row['question']!r} where the data ask {sample.question!r}: give every row its question_id"
            )
        return sample.id, 0


def _stem(name: str) -> str:
    return name.rpartition(".")[0] or name


def _bare(question: str) -> str:
    return question.strip().removesuffix(YES_OR_NO).rstrip()


def _text(path: Path, place: str, row: Row) -> str | None:
    """The answer; None where the row records a failure. A number is written as a spreadsheet would: 3.0 is 3."""
    key = next((key for key in TEXT_KEYS if key in row), None)
    if key is None:
        raise UserError(
            f"{path}, {place}: no answer; one of the keys {', '.join(TEXT_KEYS)} is expected, "
            f"the row has {', '.join(row) or 'none'}"
        )
    value = row[key]
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    raise UserError(f"{path}, {place}: {key} must be text, not {type(value).__name__}")


def _rows(path: Path) -> Iterator[tuple[str, Row]]:
    """(place for messages, row) of every row of the file or folder."""
    if path.is_dir():
        return _mme_folder(path)
    if not path.exists():
        raise UserError(f"{path}: no such predictions file")
    match path.name.removesuffix(".gz").rpartition(".")[2].lower():
        case "xlsx" | "xls":
            return _excel(path)
        case "tsv":
            return _table(path, "\t")
        case "csv":
            return _table(path, ",")
    text = read_text(path)
    return _json_array(path, text) if text.lstrip()[:1] == "[" else _json_lines(path, text)


def _json_lines(path: Path, text: str) -> Iterator[tuple[str, Row]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        if number == 1 and line.strip() == "{":
            yield from _outputs(path, text)
            return
        row = parse_json(line, path, number)
        if number == 1 and isinstance(row, dict) and "outputs" in row:
            yield from _outputs(path, text)
            return
        yield f"line {number}", _object(path, f"line {number}", row)


def _json_array(path: Path, text: str) -> Iterator[tuple[str, Row]]:
    for number, row in enumerate(parse_json(text, path)):
        yield f"row {number}", _object(path, f"row {number}", row)


def _outputs(path: Path, text: str) -> Iterator[tuple[str, Row]]:
    """A results file of ScienceQA: one object whose `outputs` map the problem id to the text."""
    outputs = parse_json(text, path).get("outputs")
    if not isinstance(outputs, dict):
        raise UserError(f"{path}: a JSON object must map ids to texts under the key 'outputs'; else write JSON lines")
    for name, output in outputs.items():
        yield f"outputs[{name!r}]", {"question_id": name, "text": output}


def _object(path: Path, place: str, row: Any) -> Row:
    if not isinstance(row, dict):
        raise UserError(f"{path}, {place}: a JSON object is expected, not {type(row).__name__}")
    return row


def _table(path: Path, delimiter: str) -> Iterator[tuple[str, Row]]:
    csv.field_size_limit(sys.maxsize)  # an MMBench table may keep its pictures
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), delimiter=delimiter, restval="")
    try:
        for row in reader:
            yield f"line {reader.line_num}", row
    except csv.Error as error:
        raise UserError(f"{path}, line {reader.line_num}: not a table: {error}") from error


def _excel(path: Path) -> Iterator[tuple[str, Row]]:
    try:
        import pandas

        rows = pandas.read_excel(path, dtype=object, keep_default_na=False).to_dict("records")
    except ImportError as error:
        raise UserError(f"{path}: Excel files need openpyxl (pip install openpyxl); or save it as CSV") from error
    except (ValueError, KeyError, OSError, BadZipFile) as error:
        raise UserError(f"{path}: not an Excel file: {error}") from error
    for number, row in enumerate(rows, 2):
        yield f"row {number}", {str(key): value for key, value in row.items()}


def _mme_folder(folder: Path) -> Iterator[tuple[str, Row]]:
    paths = sorted([*folder.glob("*.txt"), *folder.glob("*.txt.gz")])
    if not paths:
        raise UserError(f"{folder}: no .txt files in it; MME's results have one a subtask")
    for path in paths:
        for number, line in enumerate(read_text(path).split("\n"), 1):
            if not line.strip():
                continue
            place = f"{path.name} line {number}"
            cells = line.removesuffix("\r").split("\t")
            if len(cells) != 4:
                raise UserError(f"{folder}, {place}: picture, question, truth and answer are expected between tabs")
            subtask = path.name.split(".")[0]
            yield place, {"category": subtask, "image": cells[0], "question": cells[1], "answer": cells[3]}
