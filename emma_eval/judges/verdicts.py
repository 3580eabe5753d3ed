"""Verdicts of one judge on record: `verdicts.jsonl`, one JSON object a line, appended as they come, asked once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emma_eval.errors import UserError
from emma_eval.results.line_log import read_lines
from emma_eval.results.responses import Fields, require_fields

VERDICTS_FILE = "verdicts.jsonl"
FIELDS: Fields = {
    "id": str,
    "pass_index": int,
    "repeat": int,
    "request": str,
    "judge": str,
    "model": str,
    "replies": list,
    "prompt_tokens": int,
    "new_tokens": int,
    "cost": int | float | None,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge says to one request."""

    id: str  # of the sample
    pass_index: int
    repeat: int  # from 0
    request: str  # SHA-256 over what the judge was asked, which holds question, reference and answer
    judge: str  # the judge's fingerprint
    model: str  # as the server names it
    replies: tuple[str, ...]  # as they came, empty where there was no text; the last one counts
    prompt_tokens: int
    new_tokens: int
    cost: float | None  # at the prices that were given

    @property
    def key(self) -> tuple[str, int, int, str]:
        """By which it is found again."""
        return self.id, self.pass_index, self.repeat, self.request


def read_verdicts(path: Path, judge: str) -> tuple[list[Verdict], int]:
    """The judge's verdicts, and the number of bytes up to the end of the last whole line; none without a file.

    Raises UserError naming the line of damage, and for a verdict of another judge.
    """
    verdicts, whole_bytes = read_lines(path, _parse, "what it was about is judged again")
    for number, verdict in enumerate(verdicts, 1):
        if verdict.judge != judge:
            raise UserError(
                f"{path}, line {number}: a verdict of another judge, prompt or server (fingerprint "
                f"{verdict.judge[:8]}, not {judge[:8]}); verdicts of two judges are never mixed: delete the file"
            )
    return verdicts, whole_bytes


def to_record(verdict: Verdict) -> dict[str, Any]:
    """The JSON object of a verdict."""
    return asdict(verdict)


def _parse(line: bytes) -> Verdict:
    """The verdict of a line's JSON object. Raises KeyError, TypeError or ValueError for anything else."""
    record = json.loads(line)
    if not isinstance(record, dict):
        raise TypeError("a JSON object is expected")
    require_fields(record, FIELDS)
    replies: Sequence[Any] = record["replies"]
    if not replies or not all(isinstance(reply, str) for reply in replies):
        raise TypeError("replies must be a list of texts")
    if min(record["pass_index"], record["repeat"], record["prompt_tokens"], record["new_tokens"]) < 0:
        raise ValueError("counts must be numbers from 0 on")
    values = {name: record[name] for name in FIELDS} | {"replies": tuple(replies)}
    return Verdict(**values)
