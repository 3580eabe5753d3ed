"""Read answer files of every format: JSON and JSON lines, tables, Excel sheets, MME's folder of text files.

- JSON lines or a JSON array of rows: LLaVA's and EMMA's answers.jsonl, the official result formats of VQA, GQA, VizWiz,
  POPE, AMBER, SEED-Bench and captions, a run's own `responses/<task>.jsonl`, the sample files of lmms-eval
- a JSON object id -> text (MMMU, MM-Vet) or id -> {response, ...} (MathVista); ScienceQA's results with their
  `outputs`, and LLaVA's output file with its lists `correct` and `incorrect`
- TSV, CSV, xlsx: MMBench's upload, VLMEvalKit's sheets
- MME: a folder with one text file per subtask, whose lines are image, question, reference, answer

All but xlsx may be gzip files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.predictions.answer_row import AnswerRow
from emma_eval.predictions.json_format import json_rows
from emma_eval.utils.files import read_head, read_text
from emma_eval.utils.table_io import read_table


def read_answer_rows(path: Path) -> list[AnswerRow]:
    """Every row of the file or folder. Raises UserError, naming file and row, for one that cannot be read."""
    try:
        is_folder = path.is_dir()
    except OSError:  # a name that is too long, say
        is_folder = False
    if is_folder:
        return list(_mme_folder(path))
    read_head(path)  # raises UserError for what is missing or no regular file, in any format
    match path.name.removesuffix(".gz").rpartition(".")[2].lower():
        case "xlsx" | "xls":
            from emma_eval.predictions.excel_format import excel_rows

            return list(excel_rows(path))
        case "tsv":
            return _table(path, "\t")
        case "csv":
            return _table(path, ",")
    return list(json_rows(path, read_text(path)))


def _table(path: Path, delimiter: str) -> list[AnswerRow]:
    return [AnswerRow(f"line {line}", row) for line, row in read_table(path, delimiter)]


def _mme_folder(folder: Path) -> Iterator[AnswerRow]:
    paths = sorted([*folder.glob("*.txt"), *folder.glob("*.txt.gz")])
    if not paths:
        raise UserError(f"{folder}: no .txt files in it; MME's results have one a subtask")
    for path in paths:
        for number, line in enumerate(read_text(path).split("\n"), 1):
            if not line.strip():
                continue
            location = f"{path.name} line {number}"
            cells = line.removesuffix("\r").split("\t")
            if len(cells) != 4:
                raise UserError(
                    f"{folder}, {location}: image, question, reference and answer are expected between tabs"
                )
            subtask = path.name.split(".")[0]
            yield AnswerRow(
                location, {"category": subtask, "image": cells[0], "question": cells[1], "answer": cells[3]}
            )
