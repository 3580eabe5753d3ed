"""How many samples tell which difference, as a table for a terminal and a sentence."""

from __future__ import annotations

import math

from emma_eval.analysis.sample_size import SamplePlan
from emma_eval.results.noise import Noise, TaskNoise
from emma_eval.stats.power import PowerSettings
from emma_eval.utils.terminal import Column, paragraph, table_lines

LARGEST_BY_CHANCE = 1.96  # standard errors: 95 of 100 differences are smaller


def plan_lines(plan: SamplePlan, wanted: float, settings: PowerSettings, noise: Noise | None, width: int) -> list[str]:
    """Head, table, what the wanted difference needs and the whole task tells, and what noise does to it."""
    head = f"{plan.task}: {plan.metric.replace('_', ' ')}, {plan.test}; {plan.basis}"
    columns = (Column("difference", right=True), Column("samples", right=True), Column("of the task", right=True))
    rows = [_row(plan, difference, settings) for difference in plan.effects(wanted)]
    lines = [*paragraph(head, width, rest="    "), "", *table_lines(columns, rows, width), ""]
    texts = [in_words(plan, wanted, settings), *_whole_task(plan, settings)]
    if noise is not None and (found := noise.of(plan.task)):
        texts.append(noise_sentence(noise, found, plan))
    return lines + [line for text in texts for line in paragraph(text, width, rest="    ")]


def in_words(plan: SamplePlan, wanted: float, settings: PowerSettings) -> str:
    """What the wanted difference needs."""
    needed = plan.needed(wanted, settings)
    how = f"({settings.power:.0%} power at the {settings.alpha * 100:g}% level)"
    if needed is None:
        most = plan.design.largest * plan.printed_range
        return f"no number of samples tells {difference(wanted)} {how}: of so few that differ it is {most:g} at most"
    return f"to tell {difference(wanted)} takes {needed:,} samples {how}"


def difference(points: float) -> str:
    """`a difference of 1 point`, of 0.25 points."""
    return f"a difference of {points:g} {'point' if points == 1 else 'points'}"


def told(points: float) -> str:
    """A smallest difference with two digits, rounded up, so that it is not promised too small."""
    digits = max(0, 1 - math.floor(math.log10(points))) if points > 0 else 0
    step = 10.0**-digits
    return f"{math.ceil(points / step - 1e-9) * step:.{digits}f}"


def noise_sentence(noise: Noise, found: TaskNoise, plan: SamplePlan | None = None) -> str:
    """`batching alone changes 0.1% [0.0, 0.3] of the answers and ... of the scores`."""
    low, high = found.answer_interval
    text = f"{noise.cause} alone changes {found.answer_share:.2%} [{low:.2%}, {high:.2%}] of the answers"
    low, high = found.score_interval
    text += f" and {found.score_share:.2%} [{low:.2%}, {high:.2%}] of the scores"
    if plan is not None and plan.sizes and found.changed_scores:
        largest = LARGEST_BY_CHANCE * math.sqrt(found.score_share / max(plan.sizes)) * plan.printed_range
        text += f": among {max(plan.sizes):,} samples, a difference of up to {largest:.2g} points by itself"
    return text


def _row(plan: SamplePlan, points: float, settings: PowerSettings) -> tuple[str, ...]:
    needed = plan.needed(points, settings)
    if needed is None:
        return f"{points:g}", "none do", ""
    if not plan.sizes:
        return f"{points:g}", f"{needed:,}", ""
    share = needed / max(plan.sizes)
    return f"{points:g}", f"{needed:,}", f"{share:.0%}" if share <= 1 else f"{share:,.1f} times"


def _whole_task(plan: SamplePlan, settings: PowerSettings) -> list[str]:
    texts = []
    for size in plan.sizes:
        points = plan.told_by(size, settings)
        can = "tells no difference" if points is None else f"tells {told(points)} points"
        texts.append(f"the whole task ({size:,} samples) {can}")
    return texts
