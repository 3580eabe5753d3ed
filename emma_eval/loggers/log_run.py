"""Logs a finished run to its targets, each once for the same content; a target that fails costs a line and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from emma_eval.errors import UserError, one_line
from emma_eval.loggers.base import MAX_REASON, Target
from emma_eval.loggers.content import FILES, LoggedRun, run_config, run_numbers, score_rows
from emma_eval.loggers.record import LogEntry, LogRecord, read_log_record, write_log_record
from emma_eval.loggers.samples import SampleSource, logged_samples
from emma_eval.reports.html.run_loader import FinishedRun, read_runs
from emma_eval.results.lock import lock_run_folder
from emma_eval.results.scores import SCORES_FILE
from emma_eval.utils.files import read_bytes
from emma_eval.utils.text import error_message


@dataclass(frozen=True, slots=True)
class LogOutcome:
    """What came of one target."""

    target: str
    link: str = ""
    is_new: bool = True  # False: this content was there already
    problem: str = ""  # why it is not logged; empty if it is


def log_run(folder: Path, targets: Sequence[Target], source: SampleSource) -> Iterator[LogOutcome]:
    """Log the run of a folder to each target and record it in the folder.

    Raises UserError if the run is not finished or its folder is being written; what a target raises is its outcome.
    """
    runs = read_runs([folder])  # the run, and judges' scores of its answers
    with lock_run_folder(folder):
        record = read_log_record(folder)
        content = _logged_run(runs, record, source)
        digest = _digest(runs, source)
        write_log_record(folder, record)  # the key must outlive a service that fails half way
        for target in targets:
            try:
                record, outcome = _log(content, target, record, digest)
            except Exception as error:  # packages and servers raise whatever they like
                yield LogOutcome(target.text, problem=_problem(error))
            else:
                yield outcome


def _log(content: LoggedRun, target: Target, record: LogRecord, digest: str) -> tuple[LogRecord, LogOutcome]:
    """Log to one target unless it has this content; the record then says so. Raises whatever the logger raises."""
    logger = target.logger
    earlier = record.find(target.text, logger.place)
    if earlier and earlier.content == digest:
        return record, LogOutcome(target.text, earlier.link, is_new=False)
    times = earlier.times if earlier else 0
    link = logger.log(content.at_step(times))
    entry = LogEntry(target=target.text, place=logger.place, link=link, content=digest, times=times + 1)
    record = record.with_entry(entry)
    write_log_record(content.folder, record)
    return record, LogOutcome(target.text, link)


def _problem(error: Exception) -> str:
    reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error_message(error)}"
    return one_line(reason)[:MAX_REASON]


def _logged_run(runs: Sequence[FinishedRun], record: LogRecord, source: SampleSource) -> LoggedRun:
    run = runs[0]
    return LoggedRun(
        key=record.key,
        name=run.scores.name or run.scores.model.name,
        folder=run.folder,
        files=tuple(path for name in FILES if (path := run.folder / name).is_file()),
        config=run_config(run),
        numbers=run_numbers(runs),
        scores=[row for one in runs for task in one.scores.tasks for row in score_rows(task)],
        samples=partial(logged_samples, runs, source),
    )


def _digest(runs: Sequence[FinishedRun], source: SampleSource) -> str:
    """SHA-256 over what decides the logged content."""
    files = {task: {key: str(path) for key, path in paths.items()} for task, paths in source.files.items()}
    chosen = json.dumps([source.limit, str(source.data), files], sort_keys=True)
    scores = b"".join(read_bytes(run.folder / SCORES_FILE) for run in runs)
    return sha256(chosen.encode() + scores).hexdigest()
