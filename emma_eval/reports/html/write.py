"""From run folders to the page on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from markupsafe import Markup

from emma_eval.reports.html.browser import Limit, SampleBrowser
from emma_eval.reports.html.confusion import confusions
from emma_eval.reports.html.page import TaskDetails, render, task_details
from emma_eval.reports.html.reference_loader import benchmark_samples
from emma_eval.reports.html.run_loader import FinishedRun, load_task_results, read_runs, task_names
from emma_eval.reports.html.safe_embed import embedded_json
from emma_eval.utils.files import make_output_folder, write_atomic

PAGE = "index.html"
CHUNKS = "report-samples"  # the folder beside the page
EMBEDDED = 12 * 2**20  # characters of chunks that the page itself takes; if there are more, all lie beside it


def write_report(
    folders: Sequence[Path], output: Path, *, data: Path | None = None, limit: Limit | Literal["none"] = "all"
) -> Path:
    """Write the report of finished runs into a folder and return the page's path.

    `data` is the root of the benchmarks' files, for questions, truths and images; `limit` the samples shown of each
    task. Raises UserError for a folder that holds no finished run.
    """
    runs = read_runs(folders)
    make_output_folder(output)
    browser = SampleBrowser(tuple(run.label for run in runs), 0 if limit == "none" else limit)
    details = [_take_up(browser, runs, name, data) for name in task_names(runs)]
    chunks = place_chunks(browser, output / CHUNKS)
    index = embedded_json(browser.index() | {"beside": not chunks}) if browser.shown else None
    page = output / PAGE
    write_atomic(page, render(runs, details, index, chunks))
    return page


def _take_up(browser: SampleBrowser, runs: Sequence[FinishedRun], name: str, data: Path | None) -> TaskDetails:
    """Put a task's samples into the browser and return what else the page says of it."""
    records = load_task_results(runs, name)
    truths = benchmark_samples([runs[record.run] for record in records], name, data)
    browser.add(records[0].scores, records, truths.by_id)
    tables = [table for record in records for table in confusions(record, truths.by_id)]
    return task_details(runs, records, truths.problem, tables)


def place_chunks(browser: SampleBrowser, folder: Path) -> list[Markup]:
    """The browser's chunks, to be embedded; none if they were too much for one page and are now files in `folder`."""
    for stale in folder.glob("[0-9]*.js"):
        stale.unlink()
    held: list[Markup] = []
    size = written = 0
    for chunk in browser.chunks():
        held.append(embedded_json(chunk))
        size += len(held[-1])
        if size > EMBEDDED:
            written = _write_chunks(folder, written, held)
            held = []
    if size > EMBEDDED:
        _write_chunks(folder, written, held)
        return []
    return held


def _write_chunks(folder: Path, first: int, chunks: Sequence[Markup]) -> int:
    """Write files numbered from `first` and return the next number."""
    make_output_folder(folder)
    for number, chunk in enumerate(chunks, first):
        write_atomic(folder / f"{number}.js", f"reportChunk({number},{chunk});\n")
    return first + len(chunks)
