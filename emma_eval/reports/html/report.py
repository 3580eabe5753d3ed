"""Writes the report page of run folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from markupsafe import Markup

from emma_eval.data.run_samples import as_seen, find_run_samples
from emma_eval.reports.html.browser import Limit, SampleBrowser
from emma_eval.reports.html.confusion import confusion_tables
from emma_eval.reports.html.page import TaskDetails, render, task_details
from emma_eval.reports.html.parts import FILES, PageParts, Place, full_images
from emma_eval.reports.html.run_loader import FinishedRun, load_task_results, read_runs, task_names
from emma_eval.reports.html.safe_embed import embedded_json
from emma_eval.utils.files import make_output_folder, write_atomic

PAGE = "index.html"


def write_report(
    folders: Sequence[Path],
    output: Path,
    *,
    data: Path | None = None,
    limit: Limit | Literal["none"] = "all",
    keep_images: bool = False,
) -> Path:
    """Write the report of finished runs into a folder and return the page's path.

    `data` is the root of the benchmarks' files, for questions, references and images; `limit` the samples shown of
    each task. Images are kept in full resolution if they fit in the page, with `keep_images` in any case, in files
    beside it. Raises UserError for a folder without a finished run.
    """
    runs = read_runs(folders)
    make_output_folder(output)
    browser = SampleBrowser(tuple(run.label for run in runs), 0 if limit == "none" else limit)
    details = [_add_task(browser, runs, name, data) for name in task_names(runs)]
    parts = PageParts(output / FILES)
    index = _add_samples(browser, parts, keep_images)
    page = output / PAGE
    write_atomic(page, render(runs, details, index, parts.embedded))
    return page


def _add_samples(browser: SampleBrowser, parts: PageParts, keep_images: bool) -> Markup | None:
    """Add prompts, answers and images of the samples shown; return the index that the page's script begins with."""
    parts.remove_stale()
    if not browser.shown:
        return None
    chunks = parts.add((f"chunk-{number}", embedded_json(chunk)) for number, chunk in enumerate(browser.chunks()))
    images = full_images(browser.images)
    full: Place = "none"
    if keep_images or chunks == "page":
        full = parts.add(images, else_beside=keep_images)
    return embedded_json(browser.index() | {"beside": chunks == "beside", "full_images": full})


def _add_task(browser: SampleBrowser, runs: Sequence[FinishedRun], name: str, data: Path | None) -> TaskDetails:
    """Add a task's samples to the browser and return its details."""
    records = load_task_results(runs, name)
    references = find_run_samples([runs[record.run].manifest for record in records], name, data)
    by_id = references.by_id
    seen = [as_seen(runs[record.run].manifest, name, references.samples) for record in records]
    browser.add(records[0].scores, records, by_id, seen)
    tables = [table for record in records for table in confusion_tables(record, by_id)]
    return task_details(runs, records, references.problem, tables)
