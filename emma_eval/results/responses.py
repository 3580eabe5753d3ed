"""The log of responses: `responses/<task>.jsonl`, one JSON object a line, only appended to (see `line_log`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import msgspec

from emma_eval.results.line_log import LineLog, read_lines
from emma_eval.types import FinishReason, Response, Served
from emma_eval.utils.text import MAX_EXACT

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


class _ResponseLine(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """A line by a schema: decoded several times faster than value by value."""

    id: str
    pass_index: int
    prompt: str
    instruction: str
    text: str | None
    tokens: int
    seconds: float
    error: str | None
    finish_reason: FinishReason | None = None
    prompt_cut: bool | None = None
    served: Any = None


_DECODER = msgspec.json.Decoder(_ResponseLine)


def to_record(response: Response) -> dict[str, Any]:
    """The JSON object of a response."""
    record: dict[str, Any] = {"id": response.sample_id}
    record |= {name: getattr(response, name) for name in (*FIELDS, *LATER_FIELDS) if name != "id"}
    record |= {"seconds": round(response.seconds, 6)}
    return record if response.served is None else record | {"served": asdict(response.served)}


def require_fields(record: Mapping[str, Any], fields: Fields) -> None:
    """Raise KeyError or TypeError unless the record has these fields, of these types, numbers of a plausible size."""
    for name, kind in fields.items():
        value = record[name]
        is_other = isinstance(value, bool) and bool not in (get_args(kind) or (kind,))  # in Python a bool is an integer
        is_huge = isinstance(value, int | float) and not abs(value) < MAX_EXACT  # NaN, too, is not less
        if not isinstance(value, kind) or is_other or is_huge:
            raise TypeError(f"{name} is {value!r:.40}")


def from_record(record: Any) -> Response:
    """The response of a JSON object. Raises KeyError, TypeError or ValueError for anything else."""
    if not isinstance(record, dict):
        raise TypeError("a JSON object is expected")
    absent: dict[str, Any] = dict.fromkeys(LATER_FIELDS)
    record = absent | {RENAMED.get(key, key): value for key, value in record.items()}
    require_fields(record, {**FIELDS, **LATER_FIELDS})
    values = {name: record[name] for name in (*FIELDS, *LATER_FIELDS)}
    return checked(Response(sample_id=values.pop("id"), served=served_of(record.get("served")), **values))


def parse_line(line: bytes) -> Response:
    """The response of a line. Raises KeyError, TypeError, ValueError or RecursionError for anything else.

    What does not fit the schema, as an earlier version's line or a damaged one, is read value by value.
    """
    try:
        row = _DECODER.decode(line)
    except (msgspec.MsgspecError, UnicodeError):
        return from_record(json.loads(line))
    return checked(
        Response(
            row.id, row.pass_index, row.prompt, row.instruction, row.text, row.tokens, row.seconds, row.error,
            row.finish_reason, row.prompt_cut, served_of(row.served),
        )
    )  # fmt: skip


def checked(response: Response) -> Response:
    """The response itself. Raises ValueError where its values, of the right types, contradict each other."""
    if (response.text is None) == (response.error is None):
        raise ValueError("exactly one of text and error must be given")
    reason = response.finish_reason
    if reason not in (None, *get_args(FinishReason)):
        raise ValueError(f"finish_reason is {reason!r}")
    if reason is not None and (reason == "error") != (response.text is None):
        raise ValueError("finish_reason must be error where there is no text, and nowhere else")
    numbers = response.pass_index, response.tokens, response.seconds
    if min(numbers) < 0 or max(numbers) >= MAX_EXACT or response.seconds > MAX_SECONDS:
        raise ValueError("pass_index, tokens and seconds must be numbers from 0 on, of a plausible size")
    return response


def served_of(record: Any) -> Served | None:
    """What a server said. Raises KeyError or TypeError for anything but its object or None."""
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
    return read_lines(path, parse_line, "its sample will be asked again")


class ResponseLog(LineLog):
    """Appends responses to a log. Opening it removes an incomplete last line."""

    def __init__(self, path: Path, whole_bytes: int | None = None) -> None:
        """Open it. `whole_bytes` is what read_log returned, if the caller has read the file already."""
        super().__init__(path, read_log(path)[1] if whole_bytes is None else whole_bytes)

    def append(self, response: Response) -> None:
        """Write one response. Raises OSError if it can't be written whole, as on a full disk."""
        self.write(to_record(response))
