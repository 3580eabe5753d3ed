"""What a run prints at its end, in at most 25 lines: its scores, what failed, and where everything else is.

What does not fit is left to the run folder's files; a line says how much that is.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from emma_eval.reports.headline_metrics import Headlines, headlines, interval_of, name_of, value_of
from emma_eval.reports.published_beside import PublishedBeside
from emma_eval.results.scores import MetricRecord, ScoresFile, TaskScores
from emma_eval.utils.terminal import Column, paragraph, table_lines
from emma_eval.utils.text import pluralize

MAX_LINES = 25
MAX_FAILURE_LINES = 5  # a reason may be long
SIGNIFICANT = 0.05
COLUMNS = (
    Column("task"),
    Column("metric"),
    Column("score", right=True),
    Column("95% interval", right=True),
    Column("questions", right=True, drop=1),
)
UNLIKE = "not known to be of like with like: `emma-eval leaderboard {} --sources` says why"
Row = tuple[str, ...]


def run_summary(
    scores: ScoresFile,
    folder: Path,
    width: int,
    published: PublishedBeside | None = None,
    places: Sequence[str] = (),
) -> list[str]:
    """The lines to print. Only a command with paths may be wider than `width`.

    `published`: values of the same model beside them. `places`: the options that name data and tasks to `report`.
    """
    head = [*_head(scores, width), ""]
    end = [*_failures(scores.tasks, width), "", *_places(scores, shlex.join([str(folder), *places]), folder, width)]
    if published and published.starred:
        end = [*paragraph(f"* {UNLIKE.format(shlex.quote(str(folder)))}", width, rest="    "), *end]
    table = _table(scores.tasks, width, MAX_LINES - len(head) - len(end), published)
    remarks = _remarks(scores.tasks, width, MAX_LINES - len(head) - len(table) - len(end))
    return [*head, *table, *remarks, *end]


def _head(scores: ScoresFile, width: int) -> list[str]:
    counts = [task.counts for task in scores.tasks]
    questions = pluralize(sum(count.samples for count in counts), "question")
    lost = {"failed": sum(count.failed for count in counts), "missing": sum(count.missing for count in counts)}
    wrong = " and ".join(f"{number:,} {status}" for status, number in lost.items() if number)
    asked = f"{questions} of {pluralize(len(counts), 'task')}"
    text = f"{scores.name or scores.model.name}: {asked}, {f'{wrong}, counted as wrong' if wrong else 'all answered'}"
    lines = paragraph(text, width, rest="    ")
    partial = [task.name for task in scores.tasks if not task.complete]
    if partial:
        which = "" if len(partial) == len(counts) else f"{', '.join(partial)}: "
        lines += paragraph(f"{which}only a part of the questions: not comparable with other scores", width, rest="    ")
    return lines


def _table(tasks: Sequence[TaskScores], width: int, room: int, published: PublishedBeside | None) -> list[str]:
    """The scores, with as much beside the primary ones as there is room for."""
    columns: tuple[Column, ...] = COLUMNS
    if published:
        columns = (*COLUMNS, Column(published.name, right=True), Column("diff.", right=True))

    def lines_of(shown: Sequence[tuple[TaskScores, Headlines]], beside: bool = False) -> list[str]:
        rows = [row for task, chosen in shown for row in _rows(task, chosen, published, beside)]
        return table_lines(columns, rows, width)

    shown = [(task, headlines(task.metrics, task.metric)) for task in tasks]
    for beside in (True, False):
        lines = lines_of(shown, beside)
        if len(lines) <= room:
            return lines
    for count in range(len(shown) - 1, 0, -1):
        lines = lines_of(shown[:count])
        if len(lines) < room:
            return [*lines, f"and {pluralize(len(shown) - count, 'task')} more: scores.json"]
    return lines[:room]


def _rows(
    task: TaskScores, chosen: Headlines, published: PublishedBeside | None, beside: bool = False
) -> Iterator[Row]:
    def more(metric: MetricRecord) -> Row:
        return published.of(task.name, metric) if published else ()

    if chosen.primary is None:
        yield (task.name, "not scored here", "", "", f"{task.counts.samples:,}", *(("", "") if published else ()))
        return
    yield (task.name, *_metric_cells(chosen.primary, name_of(chosen.primary)), *more(chosen.primary))
    if beside:
        yield from (("", *_metric_cells(metric, f"  {name_of(metric)}"), *more(metric)) for metric in chosen.beside)


def _metric_cells(metric: MetricRecord, name: str) -> Row:
    missing = "" if metric.n == 0 else "none"
    return (name, value_of(metric), interval_of(metric) or missing, f"{metric.n:,}")


def _remarks(tasks: Sequence[TaskScores], width: int, room: int) -> list[str]:
    """Categories, intervals that are missing, notes: those that there is room for, and the number of the others."""
    texts = [*_categories(tasks), *_constant_answers(tasks), *_missing_intervals(tasks), *_notes(tasks)]
    paragraphs = [paragraph(text, width, rest="    ") for text in texts]
    total = sum(map(len, paragraphs))
    if total <= room:
        return [line for lines in paragraphs for line in lines]
    shown: list[str] = []
    left = len(paragraphs)
    for lines in paragraphs:
        if len(shown) + len(lines) < room:
            shown += lines
            left -= 1
    return [*shown, f"{pluralize(left, 'note')} more: scores.json"] if room > 0 else []


def _categories(tasks: Sequence[TaskScores]) -> Iterator[str]:
    for task in tasks:
        _, _, categories = headlines(task.metrics, task.metric)
        values = ", ".join(f"{metric.category} {value_of(metric)}" for metric in categories)
        if values:
            yield f"{task.name}, {name_of(categories[0])} by category: {values}"


def _constant_answers(tasks: Sequence[TaskScores]) -> Iterator[str]:
    """Whether the tasks of the mini suite are scored better than by giving one answer to everything."""
    compared = [task for task in tasks if task.baseline]
    behind = [task.name for task in compared if task.baseline and task.baseline.p_value >= SIGNIFICANT]
    if compared:
        ahead = len(compared) - len(behind)
        but = f", not on {', '.join(behind)}" if behind else ""
        tasks_ahead = f"{ahead} of {pluralize(len(compared), 'task')}{but}"
        yield f"better than the best constant answer on {tasks_ahead} (sign test, 5%)"


def _missing_intervals(tasks: Sequence[TaskScores]) -> Iterator[str]:
    """The reasons why shown metrics have no interval, each with the metrics that it concerns."""
    concerned: dict[str, list[str]] = {}
    for task in tasks:
        primary, beside, _ = headlines(task.metrics, task.metric)
        without: dict[str, list[str]] = {}
        for metric in (primary, *beside):
            if metric is not None and metric.interval is None and metric.n:
                without.setdefault(metric.no_interval, []).append(name_of(metric))
        for reason, names in without.items():
            concerned.setdefault(reason, []).append(f"{task.name} ({', '.join(names)})")
    yield from (f"no interval, {', '.join(names)}: {reason}" for reason, names in concerned.items())


def _notes(tasks: Sequence[TaskScores]) -> Iterator[str]:
    """Each note once, after the names of the tasks that have it."""
    names: dict[str, list[str]] = {}
    for task in tasks:
        for note in task.notes:
            names.setdefault(note, []).append(task.name)
    yield from (f"{', '.join(with_note)}: {note}" for note, with_note in names.items())


def _failures(tasks: Sequence[TaskScores], width: int) -> list[str]:
    """How many failed of which task, the reason of the first, and what asks them again."""
    failed = [task for task in tasks if task.failed]
    if not failed:
        return []
    first = failed[0].failed[0]
    counts = ", ".join(f"{len({sample.id for sample in task.failed}):,} of {task.name}" for task in failed)
    told = paragraph(
        f"failed: {counts}; the first, {failed[0].name} sample {first.id}: {first.reason}", width, rest="    "
    )
    if len(told) > MAX_FAILURE_LINES:
        told = [*told[: MAX_FAILURE_LINES - 1], "    and so on: scores.json"]
    return [*told, *paragraph("ask them again: the same command with --retry-failed", width)]


def _places(scores: ScoresFile, arguments: str, folder: Path, width: int) -> Iterator[str]:
    """Where the tables, the page and the records are."""
    published = "" if all(task.mini for task in scores.tasks) else ", beside published scores"
    yield from paragraph(f"tables: leaderboard.md, .csv, .tex in the run folder{published}", width, rest="    ")
    page = ("page with every sample:", f"emma-eval report {arguments}")
    yield from [" ".join(page)] if len(" ".join(page)) <= width else [page[0], f"    {page[1]}"]
    yield f"run folder: {folder}"
