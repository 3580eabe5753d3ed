"""The files that answers come in, each as rows: JSON lines, and the result formats of the official tools.

- JSON lines: `question_id`, `text`, and `round_id` for circular passes; a run's own `responses/<task>.jsonl`
- VQA, VizWiz, GQA: a JSON array of {question_id, answer}, {image, answer}, {questionId, prediction}
- ScienceQA: the results file with its `outputs`; MMBench: TSV, CSV or xlsx with `index` and `prediction`
- MME: a folder with a text file a subtask, each line picture, question, truth, answer
- POPE: JSON lines of {question, answer} without ids
- AMBER, captions: a JSON array of {id, response}, {image_id, caption}
- MMMU, MM-Vet: a JSON object id -> text; MathVista: id -> {response, ...}

All but xlsx may be gzip files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from emma_eval.errors import UserError
from emma_eval.files import read_text
from emma_eval.json_file import parse_json
from emma_eval.table_file import read_table

Row = Mapping[str, Any]  # under the keys that its format has
ID_KEYS = ("question_id", "questionId", "index", "id", "pid", "image_id", "image")
TEXT_KEYS = ("text", "response", "caption", "answer", "prediction")
ROW_KEYS = frozenset((*ID_KEYS, *TEXT_KEYS))  # what tells a row from an object that maps ids to rows


def answer_rows(path: Path) -> Iterator[tuple[str, Row]]:
    """(place for messages, row) of every row of the file or folder. Raises UserError, naming both, for what is none."""
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
    """A row a line, unless the file is one object over several lines, or a line that holds all answers."""
    if text.split("\n", 1)[0].strip() == "{":
        yield from _by_id(path, parse_json(text, path))
        return
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        row = parse_json(line, path, number)
        if number == 1 and isinstance(row, dict) and ("outputs" in row or not text.removeprefix(line).strip()):
            yield from _by_id(path, row)
            return
        yield f"line {number}", _object(path, f"line {number}", row)


def _json_array(path: Path, text: str) -> Iterator[tuple[str, Row]]:
    for number, row in enumerate(parse_json(text, path)):
        yield f"row {number}", _object(path, f"row {number}", row)


def _by_id(path: Path, content: Any) -> Iterator[tuple[str, Row]]:
    """Answers by id: texts, or objects that hold them; ScienceQA's are below `outputs`. A row of its own is one row."""
    outputs = content.get("outputs", content) if isinstance(content, dict) else content
    if not isinstance(outputs, dict):
        raise UserError(f"{path}: a JSON object must map ids to texts, or have such a one as 'outputs'")
    if outputs is content and not ROW_KEYS.isdisjoint(outputs):
        yield "line 1", outputs
        return
    for name, output in outputs.items():
        yield f"key {name!r}", {"question_id": name, **(output if isinstance(output, dict) else {"text": output})}


def _object(path: Path, place: str, row: Any) -> Row:
    if not isinstance(row, dict):
        raise UserError(f"{path}, {place}: a JSON object is expected, not {type(row).__name__}")
    return row


def _table(path: Path, delimiter: str) -> Iterator[tuple[str, Row]]:
    for line, row in read_table(path, delimiter):
        yield f"line {line}", row


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
