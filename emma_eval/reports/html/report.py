"""Writes the report page of run folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from markupsafe import Markup

from emma_eval.data.run_samples import find_run_samples
from emma_eval.reports.html.browser import Limit, SampleBrowser
from emma_eval.reports.html.confusion import confusion_tables
from emma_eval.reports.html.page import TaskDetails, render, task_details
from emma_eval.reports.html.run_loader import FinishedRun, load_task_results, read_runs, task_names
from emma_eval.reports.html.safe_embed import embedded_json
from emma_eval.utils.files import make_output_folder, write_atomic

PAGE = "index.html"
CHUNKS = "report-samples"  # the folder beside the page
MAX_EMBEDDED = 12 * 2**20  # characters of chunks in the page; if there are more, all go to files beside it


def write_report(
    folders: Sequence[Path], output: Path, *, data: Path | None = None, limit: Limit | Literal["none"] = "all"
) -> Path:
    """Write the report of finished runs into a folder and return the page's path.

    `data` is the root of the benchmarks' files, for questions, references and images; `limit` the samples shown of
    each task. Raises UserError for a folder without a finished run.
    """
    runs = read_runs(folders)
    make_output_folder(output)
    browser = SampleBrowser(tuple(run.label for run in runs), 0 if limit == "none" else limit)
    details = [_add_task(browser, runs, name, data) for name in task_names(runs)]
    chunks = embed_chunks(browser, output / CHUNKS)
    index = embedded_json(browser.index() | {"beside": not chunks}) if browser.shown else None
    page = output / PAGE
    write_atomic(page, render(runs, details, index, chunks))
    return page


def _add_task(browser: SampleBrowser, runs: Sequence[FinishedRun], name: str, data: Path | None) -> TaskDetails:
    """Add a task's samples to the browser and return its details."""
    records = load_task_results(runs, name)
    references = find_run_samples([runs[record.run].manifest for record in records], name, data)
    by_id = references.by_id
    browser.add(records[0].scores, records, by_id)
    tables = [table for record in records for table in confusion_tables(record, by_id)]
    return task_details(runs, records, references.problem, tables)


def embed_chunks(browser: SampleBrowser, folder: Path) -> list[Markup]:
    """The chunks to embed; none if they are too large together, in which case they are written to `folder`."""
    for stale in folder.glob("[0-9]*.js"):
        stale.unlink()
    pending: list[Markup] = []
    size = written = 0
    for chunk in browser.chunks():
        pending.append(embedded_json(chunk))
        size += len(pending[-1])
        if size > MAX_EMBEDDED:
            written = _write_chunks(folder, written, pending)
            pending = []
    if size > MAX_EMBEDDED:
        _write_chunks(folder, written, pending)
        return []
    return pending


def _write_chunks(folder: Path, first: int, chunks: Sequence[Markup]) -> int:
    """Write files numbered from `first`; return the next number."""
    make_output_folder(folder)
    for number, chunk in enumerate(chunks, first):
        write_atomic(folder / f"{number}.js", f"reportChunk({number},{chunk});\n")
    return first + len(chunks)
