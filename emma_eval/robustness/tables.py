"""Robustness for readers: sections a task, one sentence, and rows of a CSV file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from emma_eval.reports.comparison import SIGNIFICANT
from emma_eval.reports.sections import Section
from emma_eval.reports.tables import format_interval, format_value
from emma_eval.robustness.calibration_tables import METHOD as CALIBRATION_METHOD
from emma_eval.robustness.calibration_tables import calibration_section
from emma_eval.robustness.figures import UNIT, variant_figures
from emma_eval.robustness.records import (
    CorruptionMean,
    Difference,
    PositionBias,
    Robustness,
    Share,
    TaskRobustness,
    VariantResult,
)
from emma_eval.robustness.variants import ORIGINAL
from emma_eval.utils.table_io import to_csv
from emma_eval.utils.terminal import Column

VARIANT_COLUMNS = (
    Column("variant"),
    Column("asked", right=True, drop=3),
    Column("score", right=True),
    Column("difference", right=True),
    Column("p (Holm)", right=True),
    Column("consistent", right=True),
    Column("its interval", right=True, drop=4),
    Column("lost:won", right=True, drop=1),
    Column("yes", right=True, drop=2),
)
FAMILY_COLUMNS = (
    Column("family"),
    Column("variants", right=True),
    Column("samples", right=True, drop=2),
    Column("answers", right=True, drop=1),
    Column("all agree", right=True),
    Column("all right", right=True),
)
CORRUPTION_COLUMNS = (
    Column("corruptions"),
    Column("variants", right=True, drop=2),
    Column("score", right=True),
    Column("difference", right=True),
    Column("worst", drop=1),
)
LETTER_COLUMNS = (
    Column("letter"),
    Column("chosen", right=True),
    Column("right", right=True),
    Column("difference", right=True),
    Column("recall", right=True),
)
CSV_COLUMNS = (
    "task", "variant", "family", "asked", "left_out", "original", "score", "difference", "low", "high", "p", "p_holm",
    "test", "consistency", "consistency_low", "consistency_high", "both_right", "right_to_wrong", "wrong_to_right",
    "unread", "yes_original", "yes", "metric", "metric_original", "metric_value", "metric_difference", "metric_low",
    "metric_high", "metric_p",
)  # fmt: skip
METHOD = (
    "score: the mean of the samples' scores, in percent; difference: variant less original on the samples that the "
    "variant asks, with its 95% interval; p is corrected by Holm for the variants of the task. consistent: samples "
    "whose two answers agree in meaning. lost:won: right to wrong, wrong to right. yes: answers that say yes, in the "
    "original and in the variant"
)


def robustness_sections(result: Robustness) -> list[Section]:
    """Everything but the sentence."""
    sections = [section for task in result.tasks for section in _task_sections(task)]
    notes = [METHOD]
    if any(task.calibration for task in result.tasks):
        notes.append(CALIBRATION_METHOD)
    if result.no_calibration:
        notes.append(f"no calibration: {result.no_calibration}")
    if result.failed:
        notes.append(f"{result.failed:,} samples without an answer, in all runs together, count as wrong")
    return [*sections, Section("How to read this", notes=tuple(notes))]


def robustness_sentence(result: Robustness) -> str:
    """Which variants change the score, the largest loss first."""
    tested = [(one.score.difference, task.task, one) for task in result.tasks for one in task.variants]
    found = sorted((one for one in tested if one[2].p_holm < SIGNIFICANT), key=lambda one: one[0])
    parts = []
    for word, chosen in (("worse", [one for one in found if one[0] < 0]), ("better", [o for o in found if o[0] > 0])):
        if chosen:
            named = ", ".join(f"{one.variant} on {task} ({_signed(value)})" for value, task, one in chosen)
            parts.append(f"{word} than as the tasks ask: {named}")
    if rest := len(tested) - len(found):
        parts.append(f"{rest} of {len(tested)} comparisons show no significant difference")
    return f"{'; '.join(parts)} (5% level, Holm over the variants of a task)."


def robustness_csv(result: Robustness) -> str:
    """A row a variant and task, numbers exact."""
    return to_csv((_csv_row(task, one) for task in result.tasks for one in task.variants), CSV_COLUMNS)


def _task_sections(task: TaskRobustness) -> Iterator[Section]:
    rows: list[tuple[str, ...]] = [(ORIGINAL, f"{task.samples:,}", _percent(task.original), *[""] * 6)]
    rows += [_variant_row(one) for one in task.variants]
    title, figures = f"{task.task}, {task.samples:,} samples", variant_figures(task)
    yield Section(title, VARIANT_COLUMNS, tuple(rows), tuple(_left_out(task)), figures)
    families = [
        (
            one.family,
            str(len(one.variants)),
            f"{one.consistency.samples:,}",
            f"{one.answers:,}",
            _share(one.consistency),
            _share(one.always_right),
        )
        for one in task.families
    ]
    if families:
        title = f"{task.task}: original and all variants of a family together"
        yield Section(title, FAMILY_COLUMNS, tuple(families), level=3)
    if task.corruptions:
        title = f"{task.task}: means over corruptions of the image"
        yield Section(title, CORRUPTION_COLUMNS, tuple(map(_corruption_row, task.corruptions)), level=3)
    for bias in task.position_bias:
        yield _bias_section(task, bias)
    if task.calibration is not None:
        yield calibration_section(task.task, task.calibration)


def _variant_row(one: VariantResult) -> tuple[str, ...]:
    yes = "" if one.yes is None else f"{_percent(one.yes.original)} to {_percent(one.yes.value)}"
    return (
        one.variant,
        f"{one.asked:,}",
        _percent(one.score.value),
        f"{_signed(one.score.difference)} {format_interval(*one.score.interval, UNIT)}",
        f"{one.p_holm:.2g}",
        _percent(one.consistency.value),
        "" if one.consistency.interval is None else format_interval(*one.consistency.interval, UNIT),
        f"{one.right_to_wrong}:{one.wrong_to_right}",
        yes,
    )


def _corruption_row(one: CorruptionMean) -> tuple[str, ...]:
    difference = f"{_signed(one.score.difference)} {format_interval(*one.score.interval, UNIT)}"
    return one.of, str(one.variants), _percent(one.score.value), difference, one.worst


def _bias_section(task: TaskRobustness, bias: PositionBias) -> Section:
    rows = []
    for one in bias.letters:
        interval = "" if one.difference_interval is None else f" {format_interval(*one.difference_interval, UNIT)}"
        chosen = _share(Share(value=one.chosen, interval=one.interval, samples=bias.answers))
        recall = "" if one.recall is None else _percent(one.recall)
        rows.append((one.letter, chosen, _percent(one.right), f"{_signed(one.difference)}{interval}", recall))
    runs = ", ".join(bias.orders)
    notes = [f"{bias.answers:,} answers with a letter, {bias.unread:,} without"]
    if bias.recall_deviation is not None:
        notes[0] += f"; standard deviation of the recalls {_percent(bias.recall_deviation)}"
    if bias.same_option is not None:
        notes.append(f"all answers of a sample choose one text: {_share(bias.same_option)} of the samples")
    return Section(f"{task.task}: letters chosen ({runs})", LETTER_COLUMNS, tuple(rows), tuple(notes), level=3)


def _left_out(task: TaskRobustness) -> Iterator[str]:
    """Equal reasons of several variants in one note."""
    notes: dict[str, list[str]] = {}
    for one in task.variants:
        if one.left_out:
            text = "; ".join(f"{count:,}: {reason}" for reason, count in one.left_out.items())
            notes.setdefault(f"not asked of {text}", []).append(one.variant)
    for name, reason in task.not_asked.items():
        notes.setdefault(f"asks nothing ({reason})", []).append(name)
    yield from (f"{', '.join(names)}: {note}" for note, names in notes.items())
    if unread := [f"{one.variant} {one.unread:,}" for one in task.variants if one.unread]:
        yield f"samples with an answer whose meaning is not known: {', '.join(unread)}"


def _csv_row(task: TaskRobustness, one: VariantResult) -> dict[str, Any]:
    row = one.model_dump(include={"variant", "family", "asked", "p_holm", "right_to_wrong", "wrong_to_right", "unread"})
    low, high = one.consistency.interval or (None, None)
    row |= {
        "task": task.task,
        "left_out": sum(one.left_out.values()),
        "score": one.score.value,
        "consistency": one.consistency.value,
        "consistency_low": low,
        "consistency_high": high,
        "both_right": one.both_right.value,
        "yes_original": one.yes and one.yes.original,
        "yes": one.yes and one.yes.value,
    }
    row |= _difference_cells(one.score)
    if one.metric is not None:
        row |= {f"metric_{key}": value for key, value in _difference_cells(one.metric).items()}
        row |= {"metric": one.metric.name, "metric_value": one.metric.value}
    return row


def _difference_cells(one: Difference) -> dict[str, Any]:
    low, high = one.interval
    values = {"original": one.original, "difference": one.difference, "low": low, "high": high}
    return values | {"p": one.p, "test": one.test}


def _percent(value: float) -> str:
    return format_value(value, UNIT)


def _signed(value: float) -> str:
    return f"+{_percent(value)}" if value > 0 else _percent(value)


def _share(one: Share) -> str:
    return _percent(one.value) + ("" if one.interval is None else f" {format_interval(*one.interval, UNIT)}")
