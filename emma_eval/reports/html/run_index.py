"""An index page of all runs below a folder: when, which model, how far, and its scores; to sort and to search."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from emma_eval.errors import UserError
from emma_eval.reports.headline_metrics import interval_of, value_of
from emma_eval.reports.html.panels import TaskGroup, comparable_groups
from emma_eval.reports.html.run_loader import FinishedRun, with_distinct_titles
from emma_eval.reports.html.templates import environment, page_frame
from emma_eval.reports.tables import as_percent
from emma_eval.results.manifest import MANIFEST_FILE, Manifest, read_manifest
from emma_eval.results.run_labels import LabelParts, labels
from emma_eval.results.run_state import run_state
from emma_eval.results.scores import SCORES_FILE, MetricRecord, ScoredRun, read_scores
from emma_eval.utils.files import make_output_folder, write_atomic

PAGE = "index.html"
SCRIPTS = ("theme.js", "index.js")
REPORTS = ("report/index.html", "index.html")  # where a run's own page may lie in its folder


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run folder: its manifest, and its scores once it is finished."""

    folder: Path
    manifest: Manifest
    scored: ScoredRun | None


@dataclass(frozen=True, slots=True)
class ScoreCell:
    """A score in the index."""

    text: str
    interval: str
    value: float


@dataclass(slots=True)
class IndexRow:
    """A run in the index. Links are relative to the page."""

    label: str
    folder: str
    link: str
    report: str  # link to its own page; empty without one
    state: str
    started: str  # ISO 8601, UTC; empty if it never began
    samples: int
    failed: int | None  # samples without an answer; None before the run is finished
    details: str  # precision, template, limit, ...
    cells: dict[int, ScoreCell] = field(default_factory=dict)  # by the index of the column


def write_index(root: Path, output: Path | None = None) -> tuple[Path, int, list[str]]:
    """Write the index of all runs below `root`; return its path, the number of runs, and what could not be read.

    The page is `index.html` in `output`, or in `root` itself. Raises UserError if there is no run.
    """
    runs, problems = find_runs(root)
    if not runs:
        raise UserError(f"{root}: no run folder is below it" + "".join(f"\n{problem}" for problem in problems[:5]))
    output = output or root
    make_output_folder(output)
    page = output / PAGE
    write_atomic(page, render_index(runs, problems, root, output))
    return page, len(runs), problems


def find_runs(root: Path) -> tuple[list[FoundRun], list[str]]:
    """(the runs below a folder, newest first; what could not be read). Raises UserError if it is no folder."""
    if not root.is_dir():
        raise UserError(f"{root}: no such folder")
    runs, problems = [], []
    for folder in _run_folders(root):
        try:
            manifest = read_manifest(folder)
            scored = ScoredRun(folder, read_scores(folder)) if (folder / SCORES_FILE).exists() else None
        except UserError as error:
            problems.append(str(error))
            continue
        if manifest:
            runs.append(FoundRun(folder, manifest, scored))
    return sorted(runs, key=lambda run: (_started(run.manifest), str(run.folder)), reverse=True), problems


def _run_folders(root: Path) -> Iterator[Path]:
    """Folders with a manifest; what lies within one, and hidden folders, are not searched."""
    for path, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if MANIFEST_FILE in files:
            folders.clear()
            yield Path(path)


def _started(manifest: Manifest) -> str:
    return manifest.sessions[-1].started if manifest.sessions else ""


def render_index(runs: Sequence[FoundRun], problems: Sequence[str], root: Path, output: Path) -> str:
    """The page; the links in it are relative to `output`."""
    rows, columns = index_rows(runs, output)
    return (
        environment()
        .get_template("index.html")
        .render(
            **page_frame(SCRIPTS),
            title=root.absolute().name,
            rows=rows,
            columns=[(column.title, column.subtitle) for column in columns],
            problems=problems,
        )
    )


def index_rows(runs: Sequence[FoundRun], output: Path) -> tuple[list[IndexRow], list[TaskGroup]]:
    """(a row for each run, a column for each task whose scores are comparable)."""
    names = labels([_label_parts(run) for run in runs])
    rows = [_row(run, name, output) for run, name in zip(runs, names, strict=True)]
    scored = [(row, run) for row, run in zip(rows, runs, strict=True) if run.scored]
    finished = with_distinct_titles(
        [
            FinishedRun(run.folder, row.label, run.scored.scores, run.manifest, run.scored)
            for row, run in scored
            if run.scored
        ]
    )
    columns = [group for group in comparable_groups(finished) if group.task.find(group.task.metric)]
    columns.sort(key=lambda group: (not group.task.complete, -len(group.members)))  # whole tasks, the common ones first
    for number, group in enumerate(columns):
        for member, task in group.members:
            if metric := task.find(task.metric):
                scored[member][0].cells[number] = _score_cell(metric)
    return rows, columns


def _score_cell(metric: MetricRecord) -> ScoreCell:
    return ScoreCell(value_of(metric), interval_of(metric), as_percent(metric.value, metric.unit))


def _label_parts(run: FoundRun) -> LabelParts:
    model = run.manifest.model
    return LabelParts(run.manifest.name or model.name, model.dtype or "", (run.folder,))


def _row(run: FoundRun, label: str, output: Path) -> IndexRow:
    manifest, model, settings = run.manifest, run.manifest.model, run.manifest.settings
    reports = (run.folder / name for name in REPORTS)
    details = [
        model.name if manifest.name else "",
        model.dtype or "",
        model.template or "",
        f"--limit {settings.limit}" if settings.limit else "",
        f"shard {settings.shard}" if settings.shard else "",
    ]
    return IndexRow(
        label=label,
        folder=run.folder.name,
        link=_link(run.folder, output) + "/",
        report=next((_link(path, output) for path in reports if path.is_file() and path.parent != output), ""),
        state=run_state(run.folder, manifest),
        started=_started(manifest),
        samples=sum(task.samples for task in manifest.tasks.values()),
        failed=sum(task.counts.without_answer for task in run.scored.scores.tasks) if run.scored else None,
        details=", ".join(filter(None, details)),
    )


def _link(path: Path, output: Path) -> str:
    return quote(Path(os.path.relpath(path, output)).as_posix())
