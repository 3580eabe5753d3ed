"""What of the leaderboard is shown: `leaderboard`'s options, and where they name what is not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from emma_eval.errors import UserError
from emma_eval.reports.paper_columns import asks_for, paper_key
from emma_eval.reports.published import PaperColumn, Published, PublishedColumn
from emma_eval.reports.shipped_tasks import shipped_task
from emma_eval.reports.tables import Table
from emma_eval.results.scores import ScoredRun, TaskScores
from emma_eval.tasks.index import expand_tasks, task_groups, task_names
from emma_eval.utils.text import did_you_mean

FactName = Literal["params", "data", "adaptation"]
FACTS: dict[str, FactName] = {"params": "params", "data": "data", "adaptation": "adaptation"}
FACT_HEADS = {"params": ("params",), "data": ("training", "data"), "adaptation": ("adapta-", "tion")}
ALL = "all"
MODELS = ("published", "measured")  # kinds of rows that --models chooses among


@dataclass(frozen=True, slots=True)
class View:
    """The options; the default shows everything."""

    strict: bool = False  # a column is one benchmark, one split, one metric
    measured_only: bool = False  # only columns that hold a measured value
    tasks: tuple[str, ...] = ()  # tasks, groups or benchmarks; empty: all
    models: tuple[str, ...] = ()  # names of rows; empty: all
    facts: tuple[FactName, ...] = ()  # optional columns
    sort: str = ""  # the benchmark by which rows are sorted; empty: as published, then as measured


def fact_names(names: Sequence[str]) -> tuple[FactName, ...]:
    """The names of --columns. Raises UserError for another one."""
    for name in names:
        if name not in FACTS:
            raise UserError(f"--columns {name}: there is no such column{did_you_mean(name, FACTS)}")
    return tuple(FACTS[name] for name in dict.fromkeys(names))


@dataclass(frozen=True, slots=True)
class Selection:
    """What --tasks leaves: columns of the paper's table, and tasks of the runs by name or by what a column asks for."""

    columns: tuple[PaperColumn, ...]
    names: frozenset[str] | None  # None: all

    def keeps(self, task: TaskScores) -> bool:
        """Whether the task's values are shown."""
        if self.names is None or task.name in self.names:
            return True
        wanted = (one for column in self.columns for one in column.measured)
        return any((one.benchmark, one.split) == (task.benchmark, task.split) for one in wanted)

    def keeps_column(self, column: PublishedColumn) -> bool:
        """Whether a column of the strict view is of one of these benchmarks, or of one of these tasks."""
        if self.names is None:
            return True
        of = {name for one in self.columns for name in (one.benchmark, *(metric.benchmark for metric in one.measured))}
        of |= {task.benchmark for name in self.names if (task := shipped_task(name))}
        return column.benchmark in of or any(selector.benchmark in of for selector in column.measured)

    def of_run(self, run: ScoredRun) -> ScoredRun:
        """The run with these tasks alone."""
        tasks = tuple(filter(self.keeps, run.scores.tasks))
        return replace(run, scores=run.scores.model_copy(update={"tasks": tasks}))


def select(runs: Sequence[ScoredRun], view: View, published: Published) -> Selection:
    """The selection of --tasks. Raises UserError for what is neither task, group nor benchmark."""
    columns = published.paper.columns
    if not view.tasks or ALL in view.tasks:
        return Selection(columns, None)
    own = {task.name for run in runs for task in run.scores.tasks}
    groups, names, wanted = task_groups(), set(own & set(view.tasks)), set()
    for name in view.tasks:
        names |= set(expand_tasks([name])) if name in groups else set()
        if name not in own or shipped_task(name):
            wanted |= set(map(paper_key, _columns_of(name, columns)))
    return Selection(tuple(column for column in columns if paper_key(column) in wanted), frozenset(names))


def require_sort(view: View, columns: Sequence[PaperColumn]) -> None:
    """Raise UserError if --sort names no column that is shown."""
    if view.sort and not find_column(view.sort, columns):
        hint = did_you_mean(view.sort, [column.title for column in columns]) if columns else ""
        raise UserError(f"--sort {view.sort}: no benchmark that is shown is called so{hint}")


def require_models(tables: Sequence[Table], view: View) -> None:
    """Raise UserError if --models names no row."""
    labels = list(dict.fromkeys(row_name(row.label) for table in tables for row in table.rows if row.kind in MODELS))
    for name in view.models:
        if not any(_is_called(label, name) for label in labels):
            raise UserError(f"--models {name}: no row is called so{did_you_mean(name, labels)}")


def select_rows(table: Table, view: View) -> Table:
    """The table with the rows of --models alone."""
    if not view.models or not any(row.kind in MODELS for row in table.rows):
        return table
    rows, kept = [], False
    for row in table.rows:
        if row.kind in MODELS:
            kept = any(_is_called(row_name(row.label), name) for name in view.models)
        if kept:
            rows.append(row)
    marks = {mark for row in rows for cell in row.cells for mark in cell.footnotes}
    footnotes = tuple(one for one in table.footnotes if one[0] in marks)
    return replace(table, rows=tuple(rows), footnotes=footnotes)


def row_name(label: str) -> str:
    """A row's label without `(measured)`."""
    return label.removesuffix(" (measured)")


def _is_called(label: str, name: str) -> bool:
    return label.casefold() == name.casefold() or label.casefold().partition(" (")[0] == name.casefold()


def find_column(name: str, columns: Sequence[PaperColumn]) -> list[PaperColumn]:
    """The columns whose title or benchmark it is, or begins the title."""
    wanted = name.casefold()
    exact = [column for column in columns if wanted in (column.title.casefold(), column.benchmark.casefold())]
    return exact or [column for column in columns if column.title.casefold().startswith(wanted)]


def _columns_of(name: str, columns: Sequence[PaperColumn]) -> list[PaperColumn]:
    if found := find_column(name, columns):
        return found
    titles = [column.title for column in columns]
    try:
        tasks = [task for member in expand_tasks([name]) if (task := shipped_task(member))]
    except UserError:
        hint = did_you_mean(name, [*titles, *task_names(), *task_groups()])
        raise UserError(f"--tasks {name}: there is no such task, group or benchmark{hint}") from None
    return [column for column in columns if any(asks_for(column, task) for task in tasks)]
