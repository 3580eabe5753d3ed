"""A page of sections, complete in one file."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from emma_eval.reports.html.safe_embed import content_policy
from emma_eval.reports.html.templates import TEMPLATE, environment, script_of
from emma_eval.reports.sections import Section

SCRIPTS = ("theme.js",)


def section_page(title: str, lead: Sequence[str], sections: Sequence[Section]) -> str:
    """The page; what a model or a data set wrote is escaped."""
    style = (TEMPLATE / "style.css").read_text(encoding="utf-8")
    script = script_of(SCRIPTS)
    context = {
        "policy": content_policy([script], [style]),
        "style": Markup(style),  # noqa: S704 (our own files)
        "script": Markup(script),  # noqa: S704
        "heading": title,
        "lead": lead,
        "sections": sections,
    }
    return environment().get_template("sections.html").render(context)
