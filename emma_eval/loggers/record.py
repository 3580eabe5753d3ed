"""`logs.json` of a run folder: where the run is logged, and the key that it is found by there.

It holds no credentials.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from pydantic import Field

from emma_eval.utils.files import write_atomic
from emma_eval.utils.records import Record, read_record, to_json

LOGS_FILE = "logs.json"
SCHEMA_VERSION = 1


class LogEntry(Record):
    """One service that has the run."""

    target: str = Field(description="KIND:NAME, as --log named it")
    place: str = Field(description="the server, file or folder")
    link: str = Field(description="an address, or the command that shows it")
    content: str = Field(description="SHA-256 over what was logged last: scores, name, choice of samples")
    times: int = Field(description="how often it was logged, each time with other content")


class LogRecord(Record):
    """The whole file."""

    schema_version: int = SCHEMA_VERSION
    key: str = Field(description="16 hex digits, drawn once, by which services find the run again")
    entries: tuple[LogEntry, ...] = ()

    def find(self, target: str, place: str) -> LogEntry | None:
        """The entry of a target at a place."""
        return next((one for one in self.entries if (one.target, one.place) == (target, place)), None)

    def with_entry(self, entry: LogEntry) -> LogRecord:
        """The record with this entry in place of the one before."""
        others = tuple(one for one in self.entries if (one.target, one.place) != (entry.target, entry.place))
        return self.model_copy(update={"entries": (*others, entry)})


def read_log_record(folder: Path) -> LogRecord:
    """The folder's record, a new one if it has none. Raises UserError if it can't be read."""
    path = folder / LOGS_FILE
    if not path.exists():
        return LogRecord(key=secrets.token_hex(8))
    return read_record(path, LogRecord, "delete it, and the run is logged as a new one")


def write_log_record(folder: Path, record: LogRecord) -> None:
    """Write the record, replacing an earlier one atomically."""
    write_atomic(folder / LOGS_FILE, to_json(record))
