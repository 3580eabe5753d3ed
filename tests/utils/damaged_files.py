"""A small benchmark of one's own, to be broken in one place at a time."""

import json
from pathlib import Path

from emma_eval.cli.main import main
from tests.data.readers.tiny import save_image

TASK = """\
title: Quiz
benchmark: quiz
split: all
reader: table
files: {rows: rows.jsonl, images: img}
columns: {id: id, question: q, images: image, answer: a}
prompt: {suffix: Answer.%s}
metric: accuracy
protocols: {official: {scorer: exact}}
expected: {samples: %d}
"""


def quiz(root: Path, rows: list[dict], prompt: str = "", expected: int | None = None) -> list[str]:
    """Write task and data; the options with which a command finds them."""
    (root / "tasks").mkdir(parents=True, exist_ok=True)
    (root / "tasks/quiz.yaml").write_text(TASK % (prompt, expected or len(rows)))
    save_image(root / "data/img/a.png", 1)
    (root / "data/rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ["--task-dir", str(root / "tasks"), "--data", str(root / "data")]


def row(number: int, image: object = "a.png", question: str = "What colour?") -> dict:
    return {"id": str(number), "q": question, "image": image, "a": "red"}


def said(capsys, argv: list[str], code: int) -> str:
    """All that a command prints; it ends with this code and in no traceback."""
    assert main(argv) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert " at 0x" not in out + err
    return out + err
