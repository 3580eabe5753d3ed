"""The log of responses: `responses/<task>.jsonl`, one JSON object a line, only appended to.

Each response is passed to the kernel before `append` returns, so `kill -9` costs at most the line being written. It is
on the disk at most SYNC_SECONDS later, so a power cut costs no more than those. Opening the log removes an incomplete
last line. Damage anywhere else is an error.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType, UnionType
from typing import Any, Self, get_args

from emma_eval.errors import UserError
from emma_eval.types import FinishReason, Response, Served
from emma_eval.utils.files import open_output, read_bytes

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
SYNC_SECONDS = 2.0


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
        is_other = isinstance(value, bool) and kind in (int, int | float)  # in Python a bool is an integer
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
    responses: list[Response] = []
    whole_bytes = 0
    lines = read_bytes(path).split(b"\n") if path.exists() else [b""]
    while lines[-1] == b"" and len(lines) > 1:
        lines.pop()
    for number, line in enumerate(lines, 1):
        try:
            responses.append(from_record(json.loads(line)))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            if number == len(lines):  # it was being written when the process or the power stopped
                break
            raise UserError(
                f"{path}, line {number} is damaged ({type(error).__name__}: {error}); "
                "delete that line, and its sample will be asked again"
            ) from None
        whole_bytes += len(line) + 1
    return responses, whole_bytes


class ResponseLog:
    """Appends responses to a log. Opening it removes an incomplete last line."""

    def __init__(self, path: Path, whole_bytes: int | None = None) -> None:
        """Open it. `whole_bytes` is what read_log returned, if the caller has read the file already."""
        path.parent.mkdir(parents=True, exist_ok=True)
        whole_bytes = read_log(path)[1] if whole_bytes is None else whole_bytes
        # Unbuffered: the write that meets a full disk raises, and close() has nothing left to lose.
        self._file = open_output(path, "ab", buffering=0)
        self._synced = time.monotonic()
        size = self._file.tell()
        if size == whole_bytes - 1:  # only the last newline is missing
            self._write(b"\n")
        elif size > whole_bytes:
            self._file.truncate(whole_bytes)

    def append(self, response: Response) -> None:
        """Write one response. Raises OSError if it can't be written whole, as on a full disk."""
        self._write(json.dumps(to_record(response), ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
        if time.monotonic() - self._synced >= SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Write what was appended through to the disk."""
        os.fsync(self._file.fileno())
        self._synced = time.monotonic()

    def _write(self, data: bytes) -> None:
        try:
            while data:  # an unbuffered write may take only a part
                data = data[self._file.write(data) :]
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._file.name) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.sync()
        except OSError:
            if kind is None:  # otherwise the error under way says more
                raise
        finally:
            self._file.close()
