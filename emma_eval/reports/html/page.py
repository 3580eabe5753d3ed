"""Renders the page: collects what the template shows and fills it in."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from markupsafe import Markup

from emma_eval.analysis.compare import compare_task, holm_over_tasks
from emma_eval.errors import UserError
from emma_eval.reports.comparison import comparison_table
from emma_eval.reports.html.analysis_page import MAX_ROWS, analyses_of
from emma_eval.reports.html.charts.bars import profile
from emma_eval.reports.html.charts.dots import dot_plot
from emma_eval.reports.html.charts.histogram import in_seconds, length_histogram, time_histogram
from emma_eval.reports.html.confusion import ConfusionTable
from emma_eval.reports.html.panels import category_panels, full_ranges, profiles, score_panels
from emma_eval.reports.html.run_loader import FinishedRun, TaskResults, statistics_by_run
from emma_eval.reports.html.templates import environment, page_frame
from emma_eval.reports.leaderboard import Leaderboard
from emma_eval.reports.published import load_published
from emma_eval.reports.tables import Table, footnotes_of
from emma_eval.results.manifest import served_in_all
from emma_eval.results.sample_statistics import TaskStatistics
from emma_eval.results.scores import Endings
from emma_eval.utils.text import format_duration

SCRIPTS = (
    "theme.js",
    "store.js",
    "filters.js",
    "sorting.js",
    "state.js",
    "enlarge.js",
    "cards.js",
    "browse.js",
)  # one script, in this order
ENDINGS = ("ended by the model", "cut off", "empty", "prompts cut")
MAX_REASONS = 12  # reasons of failure listed for a task


@dataclass(frozen=True, slots=True)
class TaskDetails:
    """What the page shows of one task besides its scores."""

    name: str
    title: str
    problem: str  # why questions, references and images are not shown
    confusion_tables: Sequence[ConfusionTable]
    lengths: Markup
    times: Markup
    pace: Sequence[tuple[str, ...]]  # run; median tokens, median and longest time; how answers ended (`ENDINGS`)


def task_details(
    runs: Sequence[FinishedRun], records: Sequence[TaskResults], problem: str, tables: Sequence[ConfusionTable]
) -> TaskDetails:
    """The details of a task from its results."""
    title = records[0].scores.title
    lengths = {record.run: [r.tokens for r in record.responses.values() if r.text is not None] for record in records}
    seconds = {record.run: [r.seconds for r in record.responses.values() if r.text is not None] for record in records}
    lengths = {run: values for run, values in lengths.items() if values}
    seconds = {run: values for run, values in seconds.items() if values}
    scores = {record.run: record.scores for record in records}
    return TaskDetails(
        name=records[0].scores.name,
        title=title,
        problem=problem,
        confusion_tables=tables,
        lengths=length_histogram(lengths, f"Answers of {title} by length") if lengths else Markup(),
        times=time_histogram(seconds, f"Answers of {title} by time") if seconds else Markup(),
        pace=[
            (
                runs[run].label,
                f"{median(lengths[run]):g}",
                in_seconds(median(seconds[run])),
                in_seconds(max(seconds[run])),
                *_ending_counts(scores[run].endings),
            )
            for run in lengths
        ],
    )


def _ending_counts(endings: Endings | None) -> tuple[str, ...]:
    """The numbers under `ENDINGS`; a dash if a record of an earlier version does not have them."""
    if endings is None:
        return ("-",) * len(ENDINGS)
    known = endings.unknown < endings.answered
    by_reason = (f"{endings.stop:,}", f"{endings.length:,}") if known else ("-", "-")
    return (*by_reason, f"{endings.empty:,}", f"{endings.prompts_cut:,}")


def render(
    runs: Sequence[FinishedRun], details: Sequence[TaskDetails], index: Markup | None, embedded: Mapping[str, Markup]
) -> str:
    """The whole page. `index` is the sample browser's data, `embedded` what its script loads from the page by name."""
    statistics, problems = statistics_by_run(runs)
    comparisons, refused = _comparisons(runs, statistics)
    tables = Leaderboard([run.as_scored for run in runs], load_published()).tables(measured_only=True)
    context: dict[str, Any] = {
        **page_frame(SCRIPTS),
        "title": " · ".join(run.label for run in runs),
        "runs": runs,
        "samples_asked": sum(task.counts.samples for run in runs for task in run.scores.tasks),
        "leaderboard": tables,
        "leaderboard_notes": footnotes_of(tables),
        "scores": [(panel, dot_plot(panel)) for panel in score_panels(runs)],
        "profiles": [(panel, profile(panel)) for panel in profiles(runs, full_ranges(statistics)) if panel.rows],
        "comparisons": comparisons,
        "problems": [*problems, *refused],
        "categories": {
            title: [(panel, dot_plot(panel)) for panel in panels] for title, panels in category_panels(runs).items()
        },
        "details": details,
        "endings": ENDINGS,
        "failures": _failures(runs),
        "manifests": [_manifest(run) for run in runs],
        "analyses": analyses_of([run.folder for run in runs]),
        "max_rows": MAX_ROWS,
        "index": index,
        "embedded": embedded,
    }
    return environment().get_template("page.html").render(context)


def _comparisons(
    runs: Sequence[FinishedRun], statistics: Mapping[int, list[TaskStatistics]]
) -> tuple[list[Table], list[str]]:
    """(a table for each other run against the first, why tasks are not compared)."""
    tables, problems = [], []
    for other in range(1, len(runs)):
        if not {0, other} <= statistics.keys():
            continue
        names = runs[0].label, runs[other].label
        theirs = {task.task: task for task in statistics[other]}
        shared = [task for task in statistics[0] if task.task in theirs]
        if not shared:
            problems.append(f"{names[1]} is not compared with {names[0]}: they share no task")
        compared = []
        for task in shared:
            try:
                compared.append(compare_task(task, theirs[task.task]))
            except UserError as error:
                problems.append(f"{names[1]} is not compared with {names[0]}: {error}")
        if compared:
            tables.append(comparison_table(compared, holm_over_tasks(compared), names))
    return tables, problems


def _failures(runs: Sequence[FinishedRun]) -> list[dict[str, Any]]:
    """One entry for each task of each run with samples without an answer."""
    return [
        {
            "run": run.label,
            "task": task.title,
            "counts": task.counts,
            "reasons": Counter(failed.reason for failed in task.failed).most_common(MAX_REASONS),
        }
        for run in runs
        for task in run.scores.tasks
        if task.counts.without_answer
    ]


def _manifest(run: FinishedRun) -> dict[str, Any]:
    """The manifest's main facts as (name, value), and all of it as JSON."""
    model, sessions = run.manifest.model, run.manifest.sessions
    last = sessions[-1] if sessions else None
    facts = {
        "Model": model.source,
        "Weights": model.weights[:16],
        "Built": model.summary,
        "Precision": model.dtype,
        "Template": model.template,
        "Device": (last and last.device_name) or model.device,
        "Tasks": ", ".join(run.manifest.tasks),
        "Sessions": len(sessions),
        "Begun": sessions[0].started if sessions else None,
        "Ended": last and last.finished,
        "Device at work": _computing(run),
        "Server": str(served_in_all(sessions) or ""),
        "Commit": last and last.git_commit and last.git_commit[:12] + (" with changes" if last.git_dirty else ""),
        "Python": last and last.versions.get("python"),
        "PyTorch": last and last.versions.get("torch"),
        "Transformers": last and last.versions.get("transformers"),
    }
    full = json.dumps(run.manifest.model_dump(mode="json"), indent=1, ensure_ascii=False)
    return {"run": run.label, "facts": [(name, value) for name, value in facts.items() if value], "json": full}


def _computing(run: FinishedRun) -> str:
    seconds = sum(session.stats.computing_seconds for session in run.manifest.sessions if session.stats)
    return format_duration(seconds) if seconds else ""
