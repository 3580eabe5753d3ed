"""The pages' templates, style and scripts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from emma_eval.reports.headline_metrics import interval_of, value_of
from emma_eval.reports.html.charts.svg import run_class
from emma_eval.reports.html.safe_embed import content_policy
from emma_eval.reports.tables import as_percent

TEMPLATE = Path(__file__).parent / "template"


def page_frame(scripts: Sequence[str]) -> dict[str, str]:
    """What `layout.html` needs of every page: the style, these scripts, and the policy that allows those two alone."""
    style, script = (TEMPLATE / "style.css").read_text(encoding="utf-8"), _script_of(scripts)
    return {
        "policy": content_policy([script], [style]),
        "style": Markup(style),  # noqa: S704 (our own files)
        "script": Markup(script),  # noqa: S704
    }


def _script_of(names: Sequence[str]) -> str:
    """One script of these files, in this order."""
    parts = [(TEMPLATE / name).read_text(encoding="utf-8") for name in names]
    return '(() => {\n"use strict";\n' + "\n".join(parts) + "})();\n"


def shown_value(value: str | int | float | None) -> str:
    """A cell of an analysis: four significant digits of a number with a point."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    return value if isinstance(value, str) else f"{value:.4g}"


@cache
def environment() -> Environment:
    """Jinja2 with our filters; what a model or a data set wrote is escaped."""
    made = Environment(loader=FileSystemLoader(TEMPLATE), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    made.lstrip_blocks = True
    made.globals.update(run_class=run_class)
    made.filters.update(
        value=value_of,
        interval=lambda metric: interval_of(metric) or metric.no_interval,
        percent=lambda fraction: f"{as_percent(fraction, 'fraction'):.1f}",
        cell=shown_value,
        words=lambda name: name.replace("_", " "),
    )
    return made
