"""A comparison of two runs: as a table, as a list of flipped samples, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emma_eval.analysis.compare import TaskComparison
from emma_eval.reports.sample_size import told
from emma_eval.reports.tables import Cell, Heading, Table, TableRow, format_interval, format_value
from emma_eval.results.noise import Noise
from emma_eval.results.scores import MetricFields
from emma_eval.stats.bootstrap import full_range
from emma_eval.stats.paired import MCNEMAR, Flip, MetricComparison
from emma_eval.stats.power import PowerSettings
from emma_eval.stats.verdict import gain
from emma_eval.utils.terminal import Column, paragraph, table_lines
from emma_eval.utils.text import pluralize

SIGNIFICANT = 0.05
LONGEST_HEAD = 12  # a longer name of a run is a letter in the terminal's table


def comparison_table(
    comparisons: Sequence[TaskComparison], corrected: Sequence[float], names: tuple[str, str]
) -> Table:
    """One row a task. A corrected p value below 5% is set in bold."""
    heads = ("metric", names[0], names[1], "difference", "p", "p, Holm", "won : lost : tied", "test")
    rows = [
        TableRow(
            comparison.task,
            (
                Cell(comparison.primary.metric.name.replace("_", " ")),
                Cell(format_value(comparison.primary.first, comparison.primary.metric.unit)),
                Cell(format_value(comparison.primary.second, comparison.primary.metric.unit)),
                difference_cell(comparison.primary),
                Cell(f"{comparison.primary.p_value:.2g}"),
                Cell(f"{p:.2g}", rank=1 if p < SIGNIFICANT else 0),
                Cell(f"{len(comparison.won)} : {len(comparison.lost)} : {comparison.ties}"),
                Cell(_test_name(comparison)),
            ),
        )
        for comparison, p in zip(comparisons, corrected, strict=True)
    ]
    notes = [
        f"{comparison.task}: {note}; compared on the {comparison.samples:,} samples of both"
        for comparison in comparisons
        for note in comparison.notes
    ]
    return Table(
        key="comparison",
        title=f"{names[1]} against {names[0]}",
        corner="Task",
        headings=tuple(Heading((head,), None) for head in heads),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def comparison_lines(
    comparisons: Sequence[TaskComparison],
    corrected: Sequence[float],
    names: tuple[str, str],
    width: int,
) -> list[str]:
    """The table for a terminal of that width, and its notes."""
    first, second = short_names(names)
    title = f"{names[1]} against {names[0]}" if (first, second) == names else f"B: {names[1]}, against A: {names[0]}"
    columns = (
        Column("task"),
        Column("metric"),
        Column(first, right=True),
        Column(second, right=True),
        Column("difference", right=True),
        Column("p", right=True, drop=3),
        Column("p (Holm)", right=True),
        Column("won:lost:tied", right=True, drop=2),
        Column("test", drop=4),
    )
    table = comparison_table(comparisons, corrected, names)
    rows = [
        (row.label, *(f"{cell.text} {cell.interval}".strip().replace(" : ", ":") for cell in row.cells))
        for row in table.rows
    ]
    notes = [line for note in table.notes for line in paragraph(note, width, rest="    ")]
    return [*paragraph(title, width, rest="    "), "", *table_lines(columns, rows, width), *notes]


def short_names(names: tuple[str, str]) -> tuple[str, str]:
    """The names of the runs, or A and B where they are too long for a table's head."""
    return names if max(map(len, names)) <= LONGEST_HEAD else ("A", "B")


def in_words(
    comparisons: Sequence[TaskComparison],
    corrected: Sequence[float],
    names: tuple[str, str],
    noise: Noise | None = None,
) -> str:
    """One sentence: what was found, how small a difference could have been, and what noise changes by itself."""
    found = _one_task(comparisons[0], names) if len(comparisons) == 1 else _tasks(comparisons, corrected, names)
    return "; ".join([found, *_could_be_told(comparisons), *_noise(comparisons, noise)])


def _one_task(comparison: TaskComparison, names: tuple[str, str]) -> str:
    """'B is better than A on pope: +1.2 points, p = 0.003'."""
    pair, (first, second) = comparison.primary, names
    effect = gain(pair) if pair.p_value < SIGNIFICANT else 0.0
    if effect:
        found = f"{second} is {'better' if effect > 0 else 'worse'} than {first} on {comparison.task}"
    elif pair.p_value < SIGNIFICANT:
        found = f"{second} and {first} differ on {comparison.task}"
    else:
        found = f"no significant difference between {first} and {second} on {comparison.task}"
    return f"{found}: {_signed(pair)}{_unit(pair)}, p = {pair.p_value:.2g}"


def _tasks(comparisons: Sequence[TaskComparison], corrected: Sequence[float], names: tuple[str, str]) -> str:
    """'B is better on gqa and worse on pope than A; no significant difference on 3 tasks (5% level, ...)'."""
    tested = list(zip(comparisons, corrected, strict=True))
    significant = [(comparison.task, gain(comparison.primary)) for comparison, p in tested if p < SIGNIFICANT]
    better = [task for task, effect in significant if effect > 0]
    worse = [task for task, effect in significant if effect < 0]
    undecided = len(tested) - len(better) - len(worse)
    parts = [f"{word} on {', '.join(tasks)}" for word, tasks in (("better", better), ("worse", worse)) if tasks]
    found = [f"{names[1]} is {' and '.join(parts)} than {names[0]}"] if parts else []
    chance = [f"no significant difference on {pluralize(undecided, 'task')}"] if undecided else []
    return f"{'; '.join([*found, *chance])} (5% level, corrected for {pluralize(len(tested), 'test')} by Holm)"


def _could_be_told(comparisons: Sequence[TaskComparison]) -> list[str]:
    """The smallest difference that such a test finds 8 times in 10; of several tasks the least and the most."""
    known = [(one, points) for one in comparisons if (points := one.primary.smallest_told(PowerSettings())) is not None]
    if not known:
        return []
    if len(comparisons) == 1:
        ((one, points),) = known
        size = told(points * (100 if one.primary.metric.unit == "fraction" else 1))
        return [f"a difference of {size}{_unit(one.primary)} could be told with these {one.samples:,} samples"]
    shares = sorted((100 * points / full_range(one.primary.metric), one.task) for one, points in known)
    least, most = (f"{told(share)}% ({task})" for share, task in (shares[0], shares[-1]))
    if least == most:
        return [f"a difference of {least} of the full range could be told"]
    return [f"differences from {least} to {most} of the full range could be told"]


def _noise(comparisons: Sequence[TaskComparison], noise: Noise | None) -> list[str]:
    """'batching alone changes 0.1% of the answers'; of several tasks all answers together."""
    found = [one for comparison in comparisons if noise and (one := noise.of(comparison.task))]
    if noise is None or not found:
        return []
    share = sum(one.changed_answers for one in found) / sum(one.answers for one in found)
    return [f"{noise.cause} alone changes {100 * share:.2g}% of the answers"]


def _unit(pair: MetricComparison) -> str:
    return "" if pair.metric.unit == "number" else " points"


def _signed(pair: MetricComparison) -> str:
    text = format_value(pair.difference, pair.metric.unit)
    return f"+{text}" if pair.difference > 0 else text


def _test_name(comparison: TaskComparison) -> str:
    test = comparison.primary.test
    return test if test == MCNEMAR else f"{test} by {comparison.cluster_unit}"


def difference_cell(pair: MetricComparison) -> Cell:
    """`+1.5 [-0.4, 3.4]`."""
    return Cell(_signed(pair), interval=format_interval(*pair.interval, pair.metric.unit))


def flip_lines(comparison: TaskComparison, limit: int) -> list[str]:
    """Up to `limit` samples won and lost each: id, both parsed answers, both scores."""
    lines = []
    for word, flips in (("won", comparison.won), ("lost", comparison.lost)):
        lines += [f"{comparison.task} {word} {flip_line(flip)}" for flip in flips[:limit]]
        if len(flips) > limit:
            lines.append(f"{comparison.task} {word} {len(flips) - limit} more")
    return lines


def flip_line(flip: Flip) -> str:
    """One flipped sample: `id: 'no' (0) -> 'yes' (1)`."""
    before, after = flip.first, flip.second
    return f"{before.id}: {before.parsed_answer!r} ({before.score:.2g}) -> {after.parsed_answer!r} ({after.score:.2g})"


def as_json(
    comparisons: Sequence[TaskComparison], corrected: Sequence[float], names: tuple[str, str]
) -> dict[str, Any]:
    """Every metric and every flipped sample."""
    return {
        "first": names[0],
        "second": names[1],
        "tasks": [
            {
                "task": comparison.task,
                "samples": comparison.samples,
                "cluster_unit": comparison.cluster_unit,
                "notes": comparison.notes,
                "p_holm": p,
                "smallest_told": comparison.primary.smallest_told(PowerSettings()),
                "won": [flip_record(flip) for flip in comparison.won],
                "lost": [flip_record(flip) for flip in comparison.lost],
                "tied": comparison.ties,
                "metrics": [pair_record(pair) for pair in comparison.metrics],
            }
            for comparison, p in zip(comparisons, corrected, strict=True)
        ],
    }


def pair_record(pair: MetricComparison) -> dict[str, Any]:
    """One metric, in its own unit."""
    return {
        **MetricFields.values_of(pair.metric, without=("value", "n")),
        "first": pair.first,
        "second": pair.second,
        "difference": pair.difference,
        "low": pair.interval[0],
        "high": pair.interval[1],
        "p": pair.p_value,
        "test": pair.test,
    }


def flip_record(flip: Flip) -> dict[str, Any]:
    """One sample."""
    return {
        "id": flip.first.id,
        "first": {"parsed_answer": flip.first.parsed_answer, "score": flip.first.score},
        "second": {"parsed_answer": flip.second.parsed_answer, "score": flip.second.score},
    }
