"""Reading golden files, gzipped or not, and comparing numbers as the official tools round them."""

import gzip
import json
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from emma_eval.tasks.reader import get_reader
from emma_eval.types import Answer, Answers, Sample, Scores


def samples_of(reader: str, folder: Path, /, **files: str) -> list[Sample]:
    """Samples by the package's own reader, since golden folders have the official layouts. Files are key=name in it."""
    return list(get_reader(reader).read_files({key: find(folder, name) for key, name in files.items()}))


def find(folder: Path, name: str) -> Path:
    """`name`, or its `.gz` twin."""
    path = folder / name
    return path if path.exists() else folder / f"{name}.gz"


def read_text(folder: Path, name: str) -> str:
    path = find(folder, name)
    raw = path.read_bytes()
    return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8")


def read_json(folder: Path, name: str) -> Any:
    return json.loads(read_text(folder, name))


def read_lines(folder: Path, name: str) -> list[Any]:
    rows = [json.loads(line) for line in read_text(folder, name).split("\n") if line]
    assert rows, f"{folder / name} holds no rows"
    return rows


def answers_of(rows: list[dict[str, Any]], key: str = "question_id", text: str = "text") -> Answers:
    """Result rows as Answers; of repeated ids the last counts."""
    return {(str(row[key]), 0): Answer(row[text], row.get("prompt", "")) for row in rows}


def breakdown(scores: Scores, group: str, name: str = "accuracy") -> dict[str, float]:
    return {m.category: m.value for m in scores.metrics if m.group == group and m.name == name}


def overall(scores: Scores, name: str = "accuracy") -> float:
    (value,) = [m.value for m in scores.metrics if m.name == name and not m.group]
    return value


def round_python2(value: float, places: int) -> float:
    """Python 2.7's `round`: exact halves go away from zero, where Python 3 goes to the even digit."""
    return float(Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))
