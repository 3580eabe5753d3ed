"""Which column each measured number belongs in: a published one where all is the benchmark's, else one of its own.

A number may stand beside published ones if its task file is the shipped one as it is today, no question was left out
and the number of samples is the benchmark's. That the samples are the benchmark's own can't be proven: its data are
not here. Runs that contradict each other in them therefore stand apart, all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from emma_eval.errors import UserError
from emma_eval.reports.asking import HASH, Asking, askings, told_apart
from emma_eval.reports.measured import ColumnKey, Value, key_of
from emma_eval.reports.published import Column, Measured, Published, TableKey
from emma_eval.results.scores import MetricRecord, ScoredRun, TaskScores
from emma_eval.tasks.config import TaskConfig
from emma_eval.tasks.digest import task_digest
from emma_eval.tasks.index import task_names, tasks_folder
from emma_eval.tasks.loading import load_task
from emma_eval.utils.text import pluralize

DISPUTED = "other runs shown here were asked other samples or prompts, and whose are the benchmark's own is not known"

Declared = tuple[Column, MetricRecord]


@dataclass(frozen=True, slots=True)
class _Placed:
    """One task of one run, and the published columns its numbers may stand in."""

    run: ScoredRun
    task: TaskScores
    asking: Asking
    declared: tuple[Declared, ...]
    release: str  # how the primary metric's questions differ from those of published values; mostly empty

    @property
    def has_own(self) -> bool:
        """Whether its primary metric needs a column of its own."""
        return not self.declared or bool(self.release)


def values_of(runs: Sequence[ScoredRun], published: Published) -> list[list[Value]]:
    """The values of each run, the shipped suite's tasks left out: they have tables of their own."""
    tasks = [(run, task) for run in runs for task in run.scores.tasks if not task.mini]
    asked = askings([task for _, task in tasks])
    placed = [
        _Placed(run, task, asking, tuple(_declared(task, published)), _release(task, published))
        for (run, task), asking in zip(tasks, asked, strict=True)
    ]
    disputed = _disputed(placed)
    own = _own_columns([one for one in placed if one.has_own or one.task.name in disputed], published)
    return [
        [value for one in placed if one.run is run for value in _values(one, own, one.task.name in disputed)]
        for run in runs
    ]


def why_not_the_benchmarks(task: TaskScores) -> list[str]:
    """Why its numbers may not stand beside published ones, whatever the metric; empty if they may."""
    reasons = []
    if not task.complete:
        reasons.append(f"only {task.counts.samples:,} of the questions were asked")
    if task.asked.wording:
        reasons.append(f"it was asked in the wording of {task.asked.wording}'s scripts, not in the model's own")
    shipped = shipped_task(task.name)
    if shipped is None:
        reasons.append(f"the task {task.name} is not the benchmark's own")
    elif is_changed(task, shipped):
        reasons.append(f"the task file {task.name} was another one when this was asked")
    elif task.complete and not shipped.expected.allows(task.counts.samples):
        reasons.append(f"{task.counts.samples:,} samples were asked, the benchmark has {shipped.expected.in_words}")
    return reasons


@cache
def shipped_task(name: str) -> TaskConfig | None:
    """The shipped task of that name; None for a task of the user's."""
    folder = tasks_folder()
    return load_task(name, folder) if name in task_names(folder) else None


def is_changed(task: TaskScores, shipped: TaskConfig) -> bool:
    """Whether it was asked or scored otherwise than the shipped file says today."""
    try:
        return task.asked.config != task_digest(shipped, task.protocol)
    except UserError:  # a protocol that the file no longer has
        return True


def _declared(task: TaskScores, published: Published) -> Iterator[Declared]:
    if why_not_the_benchmarks(task):
        return
    for column in published.columns:
        for measured in column.measured:
            metric = task.find(measured.name, measured.group, measured.category)
            if metric is not None and _agrees(task, measured) and measured.n in (None, metric.n):
                yield column, metric


def _agrees(task: TaskScores, measured: Measured) -> bool:
    return (task.benchmark, task.split, task.protocol) == (measured.benchmark, measured.split, measured.protocol)


def _release(task: TaskScores, published: Published) -> str:
    """'of 1,164 questions, published values are of 1,176': the data are another release than the published values'."""
    primary = task.find(task.metric)
    for measured in (measured for column in published.columns for measured in column.measured):
        named = task.find(measured.name, measured.group, measured.category)
        if primary and named is primary and measured.n not in (None, primary.n) and _agrees(task, measured):
            return f"of {pluralize(primary.n, 'question')}, published values are of {measured.n:,}"
    return ""


def _disputed(placed: Sequence[_Placed]) -> set[str]:
    """The tasks that several runs may put in published columns, though not asked the same."""
    asked: dict[str, set[Asking]] = {}
    for one in placed:
        if one.declared:
            asked.setdefault(one.task.name, set()).add(one.asking)
    return {task for task, variants in asked.items() if len(variants) > 1}


def _own_columns(placed: Sequence[_Placed], published: Published) -> dict[Asking, ColumnKey]:
    """A column for each way of asking: no two have the same head, nor that of a published one."""
    heads: dict[Asking, ColumnKey] = {}
    for one in placed:
        heads.setdefault(one.asking, _head(one, published))
    taken = {(column.benchmark, column.split, column.metric) for column in published.columns}
    details = told_apart(heads)
    columns = {}
    for asking, head in heads.items():
        more = details[asking]
        if not more and (head.benchmark, head.split, head.metric) in taken:
            more = f"task {asking.task}"
        columns[asking] = replace(head, metric=", ".join(filter(None, (head.metric, more))))
    return columns


def _head(one: _Placed, published: Published) -> ColumnKey:
    task, shipped = one.task, shipped_task(one.task.name)
    table: TableKey | str = "other"
    for column in published.columns:
        if any(measured.benchmark == task.benchmark for measured in column.measured):
            table = column.table
            break
    details = [
        task.metric.replace("_", " "),
        "" if task.protocol == "official" else f"protocol {task.protocol}",
        f"task {task.name}" if shipped is None else "",
        f"task file {task.asked.config[:HASH]}" if shipped and is_changed(task, shipped) else "",
    ]
    release = pluralize(task.counts.samples, "question") if task.complete and one.release else ""
    split = ", ".join(filter(None, (task.split, one.asking.extent, release)))
    return ColumnKey(table, task.title, split, ", ".join(filter(None, details)))


def _values(one: _Placed, own: dict[Asking, ColumnKey], disputed: bool) -> Iterator[Value]:
    if one.declared and not disputed:
        for column, metric in one.declared:
            yield Value(key_of(column), metric, one.task, one.run)
    if (one.has_own or disputed) and (primary := one.task.find(one.task.metric)):
        yield Value(own[one.asking], primary, one.task, one.run, _why_apart(one, disputed))


def _why_apart(one: _Placed, disputed: bool) -> str:
    reasons = [DISPUTED] if disputed else why_not_the_benchmarks(one.task) or list(filter(None, [one.release]))
    if reasons:
        return f"{'; '.join(reasons)}, so it is not comparable with published values"
    if one.task.protocol != "official":
        return f"scored by the protocol {one.task.protocol}, so it is not comparable with official scores"
    return "no published value has this benchmark, split and metric"
