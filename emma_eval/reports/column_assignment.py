"""The column of each measured value: a published one if the value is the benchmark's own, else a column of its own.

A value may stand beside published ones if its task file is the shipped one of today, no question was left out, and the
number of samples is the benchmark's. Whether the samples are the benchmark's own can't be proven, as its data are not
here. So where several runs contradict each other in their samples, none of them stands in a published column. What else
must agree, and which columns there are, is the Layout's matter: the strict one or the paper's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from emma_eval.errors import UserError
from emma_eval.inference.engine import SERVER_TEMPLATE
from emma_eval.reports.comparability import (
    HASH_LETTERS,
    ComparabilityKey,
    comparability_keys,
    distinguishing_details,
)
from emma_eval.reports.measured_value import ColumnKey, MeasuredValue, key_of
from emma_eval.reports.published import MetricSelector, Published
from emma_eval.reports.shipped_tasks import shipped_task
from emma_eval.results.scores import MetricRecord, ScoredRun, TaskScores
from emma_eval.tasks.config import TaskConfig
from emma_eval.tasks.digest import task_digest
from emma_eval.utils.text import pluralize

DISPUTED = "other runs shown here were asked other samples or prompts, and whose are the benchmark's own is not known"


@dataclass(frozen=True, slots=True)
class Match:
    """A metric of a task, and the column in which it may stand; of a run's tasks the least `order` does."""

    column: ColumnKey
    metric: MetricRecord
    order: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """The published columns of a view of the leaderboard."""

    matches: Callable[[TaskScores], Sequence[Match]]  # of a task that may stand beside published values
    release: Callable[[TaskScores], str]  # how its questions differ from those of published values; mostly empty
    table_of: Callable[[TaskScores], str]  # where a column of its own stands
    columns: frozenset[ColumnKey]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One task of one run, and the published columns in which its metrics may stand."""

    run: ScoredRun
    task: TaskScores
    key: ComparabilityKey
    matches: tuple[Match, ...]
    release: str
    replaced_by: str = ""  # the task of the same run that stands in its columns

    @property
    def line(self) -> tuple[str, str]:
        """The task, and the judge if there is one: what several runs may have been asked differently in."""
        return self.task.name, self.task.judge.label if self.task.judge else ""

    @property
    def needs_own_column(self) -> bool:
        """Whether its primary metric stands in no published column."""
        return not self.matches or bool(self.release)


def assign_columns(runs: Sequence[ScoredRun], layout: Layout) -> list[list[MeasuredValue]]:
    """The values of each run. The shipped suite's tasks are left out: they have tables of their own."""
    tasks = [(run, task) for run in runs for task in run.scores.tasks if not task.mini]
    keys = comparability_keys([task for _, task in tasks])
    candidates = _one_a_column(
        [
            _Candidate(
                run, task, key, () if not_comparable(task) else tuple(layout.matches(task)), layout.release(task)
            )
            for (run, task), key in zip(tasks, keys, strict=True)
        ]
    )
    disputed = _disputed_tasks(candidates)
    apart = [one for one in candidates if one.needs_own_column or one.line in disputed]
    own_columns = _own_columns(apart, layout)
    return [
        [
            value
            for candidate in candidates
            if candidate.run is run
            for value in _values(candidate, own_columns, candidate.line in disputed)
        ]
        for run in runs
    ]


def _one_a_column(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """The candidates without the matches for which another task of the same run comes first."""
    first: dict[tuple[int, ColumnKey], tuple[int, str]] = {}
    for candidate in candidates:
        for match in candidate.matches:
            at = id(candidate.run), match.column
            first[at] = min(first.get(at, (match.order, candidate.task.name)), (match.order, candidate.task.name))
    kept = []
    for candidate in candidates:
        name = candidate.task.name
        holders = {match: first[id(candidate.run), match.column][1] for match in candidate.matches}
        own = tuple(match for match, holder in holders.items() if holder == name)
        rival = "" if own else next(iter(holders.values()), "")
        kept.append(replace(candidate, matches=own, replaced_by=rival))
    return kept


def not_comparable(task: TaskScores) -> list[str]:
    """Why no metric of the task may stand beside published values; empty if they may."""
    reasons = []
    if not task.complete:
        reasons.append(f"only {task.counts.samples:,} of the questions were asked")
    if task.setup.wording:
        reasons.append(f"it was asked in the wording of {task.setup.wording}'s scripts, not in the model's own")
    if task.setup.template == SERVER_TEMPLATE:
        reasons.append("it was asked through a server, whose prompt is not known")
    shipped = shipped_task(task.name)
    if shipped is None:
        reasons.append(f"the task {task.name} is not a shipped one")
    elif is_changed(task, shipped):
        reasons.append(f"the task file {task.name} was another one when this was asked")
    elif task.complete and not shipped.expected.allows(task.counts.samples):
        reasons.append(f"{task.counts.samples:,} samples were asked, the benchmark has {shipped.expected.in_words}")
    return reasons


def is_changed(task: TaskScores, shipped: TaskConfig) -> bool:
    """Whether the task was asked or scored by another file than the shipped one of today."""
    try:
        return task.setup.config != task_digest(shipped, shipped.protocol if task.judge else task.protocol)
    except UserError:  # a protocol that the file no longer has
        return True


def strict_layout(published: Published) -> Layout:
    """Columns of one benchmark, one split and one metric."""

    def table_of(task: TaskScores) -> str:
        for column in published.columns:
            if any(selector.benchmark == task.benchmark for selector in column.measured):
                return column.table
        return "other"

    return Layout(
        matches=lambda task: list(strict_matches(task, published)),
        release=lambda task: other_release(task, published),
        table_of=table_of,
        columns=frozenset(map(key_of, published.columns)),
    )


def strict_matches(task: TaskScores, published: Published) -> Iterator[Match]:
    """The published columns of the task's benchmark, split and metrics."""
    for column in published.columns:
        for selector in column.measured:
            metric = task.find(selector.name, selector.group, selector.category)
            if metric is not None and _is_of(selector, task) and selector.n in (None, metric.n):
                yield Match(key_of(column), metric)


def other_release(task: TaskScores, published: Published) -> str:
    """'of 1,164 questions, published values are of 1,176' if the data are another release; else empty."""
    primary = task.find(task.metric)
    for selector in (selector for column in published.columns for selector in column.measured):
        metric = task.find(selector.name, selector.group, selector.category)
        if primary and metric is primary and selector.n not in (None, primary.n) and _is_of(selector, task):
            return f"of {pluralize(primary.n, 'question')}, published values are of {selector.n:,}"
    return ""


def _is_of(selector: MetricSelector, task: TaskScores) -> bool:
    if (task.benchmark, task.split) != (selector.benchmark, selector.split):
        return False
    if task.judge is not None:
        return task.judge.server_names == (selector.judge,)
    return not selector.judge and task.protocol == selector.protocol


def _disputed_tasks(candidates: Sequence[_Candidate]) -> set[tuple[str, str]]:
    """Tasks that several runs could put in published columns, though they were asked differently."""
    matching = [candidate for candidate in candidates if candidate.matches]
    variants: dict[tuple[str, str], set[ComparabilityKey]] = {}
    keys = comparability_keys([_however_scored(candidate.task) for candidate in matching])
    for candidate, key in zip(matching, keys, strict=True):
        variants.setdefault(candidate.line, set()).add(key)
    return {task for task, keys in variants.items() if len(keys) > 1}


def _however_scored(task: TaskScores) -> TaskScores:
    """The task without its protocol: answers to the same prompts, scored otherwise, contradict no one."""
    return task.model_copy(update={"protocol": "", "setup": task.setup.model_copy(update={"config": ""})})


def _own_columns(candidates: Sequence[_Candidate], layout: Layout) -> dict[ComparabilityKey, ColumnKey]:
    """A column for each key; no two have the same head, and none has that of a published column."""
    heads: dict[ComparabilityKey, ColumnKey] = {}
    for candidate in candidates:
        heads.setdefault(candidate.key, _head(candidate, layout))
    published_heads = {replace(column, table="") for column in layout.columns}
    details = distinguishing_details(heads)
    columns = {}
    for key, head in heads.items():
        detail = details[key]
        if not detail and replace(head, table="") in published_heads:
            detail = f"task {key.task}"
        columns[key] = replace(head, metric=", ".join(filter(None, (head.metric, detail))))
    return columns


def _head(candidate: _Candidate, layout: Layout) -> ColumnKey:
    task, shipped = candidate.task, shipped_task(candidate.task.name)
    metric = [
        task.metric.replace("_", " "),
        task.judge.label if task.judge else "" if task.protocol == "official" else f"protocol {task.protocol}",
        f"task {task.name}" if shipped is None else "",
        f"task file {task.setup.config[:HASH_LETTERS]}" if shipped and is_changed(task, shipped) else "",
    ]
    release = pluralize(task.counts.samples, "question") if task.complete and candidate.release else ""
    split = ", ".join(filter(None, (task.split, candidate.key.extent, release)))
    return ColumnKey(layout.table_of(task), task.title, split, ", ".join(filter(None, metric)))


def _values(
    candidate: _Candidate, own_columns: dict[ComparabilityKey, ColumnKey], disputed: bool
) -> Iterator[MeasuredValue]:
    task, run = candidate.task, candidate.run
    if candidate.matches and not disputed:
        for match in candidate.matches:
            yield MeasuredValue(match.column, match.metric, task, run)
    if (candidate.needs_own_column or disputed) and (primary := task.find(task.metric)):
        yield MeasuredValue(own_columns[candidate.key], primary, task, run, _reason(candidate, disputed))


def _reason(candidate: _Candidate, disputed: bool) -> str:
    """Why a value stands in a column of its own."""
    task = candidate.task
    reasons = [DISPUTED] if disputed else not_comparable(task) or list(filter(None, [candidate.release]))
    if reasons:
        return f"{'; '.join(reasons)}, so it is not comparable with published values"
    if task.judge is not None:
        return "a judge's scores compare with those of the same judge and prompt alone"
    if candidate.replaced_by:
        return f"the run's task {candidate.replaced_by} stands in the benchmark's column"
    if task.protocol != "official":
        return f"scored by the protocol {task.protocol}, so it is not comparable with official scores"
    return "no published value has this benchmark, split and metric"
