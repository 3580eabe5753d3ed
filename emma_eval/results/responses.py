"""The log of responses: `responses/<task>.jsonl`, one JSON object a line, only appended to (see `line_log`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import UnionType
from typing import Any, get_args

from emma_eval.results.line_log import LineLog, read_lines
from emma_eval.types import FinishReason, Response, Served

Fields = Mapping[str, type | UnionType]
FIELDS: Fields = {
    "id": str,
    "pass_index": int,
    "prompt": str,
    "instruction": str,
    "text": str | None,
    "tokens": int,
    "seconds": int | float,
    "error": str | None,
}
SERVED_FIELDS: Fields = {  # of a server's answers alone
    "model": str,
    "system_fingerprint": str,
    "prompt_tokens": int | None,
    "new_tokens": int | None,
}
LATER_FIELDS: Fields = {"finish_reason": str | None, "prompt_cut": bool | None}  # absent in older records: None
RENAMED = {"round": "pass_index"}  # keys of records written before
MAX_SECONDS = 1e9


def to_record(response: Response) -> dict[str, Any]:
    """The JSON object of a response."""
    record: dict[str, Any] = {"id": response.sample_id}
    record |= {name: getattr(response, name) for name in (*FIELDS, *LATER_FIELDS) if name != "id"}
    record |= {"seconds": round(response.seconds, 6)}
    return record if response.served is None else record | {"served": asdict(response.served)}


def require_fields(record: Mapping[str, Any], fields: Fields) -> None:
    """Raise KeyError or TypeError unless the record has these fields, of these types, numbers finite."""
    for name, kind in fields.items():
        value = record[name]
        is_other = isinstance(value, bool) and bool not in (get_args(kind) or (kind,))  # in Python a bool is an integer
        if not isinstance(value, kind) or is_other or (isinstance(value, float) and not math.isfinite(value)):
            raise TypeError(f"{name} is {value!r:.40}")


def from_record(record: Any) -> Response:
    """The response of a JSON object. Raises KeyError, TypeError or ValueError for anything else."""
    if not isinstance(record, dict):
        raise TypeError("a JSON object is expected")
    absent: dict[str, Any] = dict.fromkeys(LATER_FIELDS)
    record = absent | {RENAMED.get(key, key): value for key, value in record.items()}
    require_fields(record, {**FIELDS, **LATER_FIELDS})
    if (record["text"] is None) == (record["error"] is None):
        raise ValueError("exactly one of text and error must be given")
    if record["finish_reason"] not in (None, *get_args(FinishReason)):
        raise ValueError(f"finish_reason is {record['finish_reason']!r}")
    if record["finish_reason"] is not None and (record["finish_reason"] == "error") != (record["text"] is None):
        raise ValueError("finish_reason must be error where there is no text, and nowhere else")
    if min(record["pass_index"], record["tokens"], record["seconds"]) < 0 or record["seconds"] > MAX_SECONDS:
        raise ValueError("pass_index, tokens and seconds must be numbers from 0 on, of a plausible size")
    values = {name: record[name] for name in (*FIELDS, *LATER_FIELDS)}
    return Response(sample_id=values.pop("id"), served=_served(record.get("served")), **values)


def _served(record: Any) -> Served | None:
    if record is None:
        return None
    if not isinstance(record, dict):
        raise TypeError("served must be an object")
    require_fields(record, SERVED_FIELDS)
    return Served(**{name: record[name] for name in SERVED_FIELDS})


def log_path(folder: Path, task: str) -> Path:
    """The path of a task's log."""
    return folder / "responses" / f"{task}.jsonl"


def read_responses(path: Path) -> list[Response]:
    """All responses of a log in the order written; none if there is no file. An incomplete last line is left out.

    Raises UserError naming file and line for damage before the last line.
    """
    return read_log(path)[0]


def read_log(path: Path) -> tuple[list[Response], int]:
    """As read_responses, and the number of bytes up to the end of the last whole line."""
    return read_lines(path, from_record, "its sample will be asked again")


class ResponseLog(LineLog):
    """Appends responses to a log. Opening it removes an incomplete last line."""

    def __init__(self, path: Path, whole_bytes: int | None = None) -> None:
        """Open it. `whole_bytes` is what read_log returned, if the caller has read the file already."""
        super().__init__(path, read_log(path)[1] if whole_bytes is None else whole_bytes)

    def append(self, response: Response) -> None:
        """Write one response. Raises OSError if it can't be written whole, as on a full disk."""
        self.write(to_record(response))
