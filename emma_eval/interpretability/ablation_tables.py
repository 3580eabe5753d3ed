"""An ablation for readers: a table a task on the terminal and in Markdown, and one sentence."""

from __future__ import annotations

from collections.abc import Iterator

from emma_eval.interpretability.ablation import Ablation, CategoryDifference, TaskAblation
from emma_eval.interpretability.variants import FULL
from emma_eval.reports.comparison import SIGNIFICANT
from emma_eval.reports.markdown import escape_markdown
from emma_eval.reports.tables import as_percent, format_interval, format_value
from emma_eval.utils.terminal import Column, paragraph, table_lines

COLUMNS = (
    Column("variant"),
    Column("score", right=True),
    Column("difference", right=True),
    Column("p (Holm)", right=True),
    Column("won:lost", right=True, drop=1),
)
METHOD = (
    "difference: variant less full on the same samples, with its 95% interval; p is corrected for the variants of the "
    "table by Holm, the intervals and the categories are not corrected"
)
WHERE = "where the differences come from, the categories that weigh most (difference times questions):"


def ablation_lines(ablation: Ablation, width: int) -> list[str]:
    """The tables, the categories and the sentence, in lines of at most `width` characters."""
    lines: list[str] = []
    for task in ablation.tasks:
        metric = task.metric.replace("_", " ")
        lines += [*paragraph(f"{task.task}, {metric}, {task.samples:,} samples", width), ""]
        lines += [*table_lines(COLUMNS, _rows(task), width), ""]
        where_from = list(_categories(task))
        lines += paragraph(WHERE, width) if where_from else []
        for variant, where in where_from:
            lines += paragraph(f"{variant}: {where}", width, "  ", "      ")
        lines += [""] if where_from else []
    for note in (METHOD, *_notes(ablation), ablation_sentence(ablation)):
        lines += paragraph(note, width)
    return lines


def ablation_markdown(ablation: Ablation) -> str:
    """The same as Markdown, with the definitions."""
    lines = [f"# Ablation of {escape_markdown(ablation.model)}", "", escape_markdown(ablation_sentence(ablation)), ""]
    for task in ablation.tasks:
        lines += [
            f"## {escape_markdown(task.task)}",
            "",
            f"{escape_markdown(task.metric.replace('_', ' '))}, {task.samples:,} samples",
            "",
        ]
        lines += _markdown_row([column.head for column in COLUMNS] + ["where it comes from"])
        lines += _markdown_row(["---", *["---:"] * (len(COLUMNS) - 1), "---"])
        where = dict(_categories(task))
        for row in _rows(task):
            lines += _markdown_row([*row, escape_markdown(where.get(row[0], ""))])
        lines.append("")
    lines += [f"{METHOD[0].upper()}{METHOD[1:]}.", "", "## Variants", ""]
    lines += [f"- `{name}`: {escape_markdown(words)}" for name, words in ablation.variants.items()]
    lines += [f"\n{escape_markdown(note)}" for note in _notes(ablation)]
    return "\n".join(lines) + "\n"


def ablation_sentence(ablation: Ablation) -> str:
    """Which variants differ from the full model, of which tasks; the largest loss first."""
    worse: list[tuple[float, str]] = []
    better: list[tuple[float, str]] = []
    tests = 0
    for task in ablation.tasks:
        for one in task.variants:
            tests += 1
            effect = as_percent(one.difference, task.unit) * (-1 if task.higher_is_better is False else 1)
            if one.p_holm < SIGNIFICANT and effect and task.higher_is_better is not None:
                text = f"{one.variant} on {task.task} ({_signed(one.difference, task)})"
                (worse if effect < 0 else better).append((-abs(effect), text))
    parts = [
        f"{word} than the full model: {', '.join(text for _, text in sorted(found))}"
        for word, found in (("worse", worse), ("better", better))
        if found
    ]
    if not tests:
        return "No task has scores that could be compared."
    rest = tests - len(worse) - len(better)
    if rest:
        parts.append(f"{rest} of {tests} comparisons show no significant difference")
    return f"{'; '.join(parts)} (5% level, Holm over the variants of a task)."


def _rows(task: TaskAblation) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [(FULL, format_value(task.full, task.unit), "", "", "")]
    for one in task.variants:
        difference = f"{_signed(one.difference, task)} {format_interval(*one.interval, task.unit)}"
        value = format_value(one.value, task.unit)
        rows.append((one.variant, value, difference, f"{one.p_holm:.2g}", f"{one.won}:{one.lost}"))
    return rows


def _categories(task: TaskAblation) -> Iterator[tuple[str, str]]:
    """(variant, where its difference comes from in words), of the variants that have categories."""
    for one in task.variants:
        if one.categories:
            yield one.variant, ", ".join(_category(part, task) for part in one.categories)


def _category(part: CategoryDifference, task: TaskAblation) -> str:
    interval = format_interval(*part.interval, task.unit)
    return f"{part.category} {_signed(part.difference, task)} {interval} (n={part.questions:,})"


def _notes(ablation: Ablation) -> Iterator[str]:
    if ablation.left_out:
        reasons = ", ".join(dict.fromkeys(ablation.left_out.values()))
        yield f"not run: {', '.join(ablation.left_out)} ({reasons})"
    if ablation.unscored:
        yield f"answered but not scored here, and so not compared: {', '.join(ablation.unscored)}"
    if ablation.failed:
        yield f"{ablation.failed:,} samples without an answer, in all runs together, count as wrong"


def _signed(value: float, task: TaskAblation) -> str:
    text = format_value(value, task.unit)
    return f"+{text}" if value > 0 else text


def _markdown_row(cells: list[str]) -> list[str]:
    return [f"| {' | '.join(cells)} |"]
