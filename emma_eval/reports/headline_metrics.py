"""The few metrics of a task that people quote: its primary one, what papers print beside it, and its categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from emma_eval.reports.tables import format_interval, format_value
from emma_eval.results.scores import MetricRecord

BESIDE = {  # primary metric -> those that papers print beside it, in this order, where the scorer gives them
    "f1": ("accuracy", "yes_ratio"),  # POPE, AMBER
    "score": ("perception", "cognition"),  # MME
    "chair": ("cover", "hal", "cog"),  # AMBER, generative
    "cider": ("bleu_4", "meteor", "rouge_l"),
    "accuracy": ("img_accuracy", "figure_accuracy", "pair_accuracy"),  # ScienceQA, HallusionBench
    "pair_accuracy": ("accuracy",),  # MMVP
}
BY_CATEGORY = ("f1",)  # primary metrics of which papers print each category's too: POPE's three
MAX_CATEGORIES = 4


class Headlines(NamedTuple):
    """What is shown of one task."""

    primary: MetricRecord | None  # None where expected answers are held back
    beside: tuple[MetricRecord, ...]
    categories: tuple[MetricRecord, ...]  # the primary metric of each category


def headlines(metrics: Sequence[MetricRecord], primary: str) -> Headlines:
    """The metrics to show of a task with this primary metric."""
    overall = {metric.name: metric for metric in metrics if not metric.group}
    beside = tuple(overall[name] for name in BESIDE.get(primary, ()) if name in overall)
    categories = tuple(m for m in metrics if m.name == primary and m.group == "category")
    shown = primary in BY_CATEGORY and 1 < len(categories) <= MAX_CATEGORIES
    return Headlines(overall.get(primary), beside, categories if shown else ())


def value_of(metric: MetricRecord) -> str:
    """The value as tables print it; `none` where no question counts for it."""
    return format_value(metric.value, metric.unit) if metric.n else "none"


def interval_of(metric: MetricRecord) -> str:
    """`[82.4, 85.7]`; empty where there is none."""
    interval = metric.interval
    return format_interval(interval.low, interval.high, metric.unit) if interval else ""


def name_of(metric: MetricRecord) -> str:
    """The metric's name in words."""
    return metric.name.replace("_", " ")
