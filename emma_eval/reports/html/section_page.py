"""A page of sections, complete in one file."""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.reports.html.templates import environment, page_frame
from emma_eval.reports.sections import Section

SCRIPTS = ("theme.js",)


def section_page(title: str, lead: Sequence[str], sections: Sequence[Section]) -> str:
    """The page; what a model or a data set wrote is escaped."""
    context = {
        **page_frame(SCRIPTS),
        "heading": title,
        "lead": lead,
        "sections": sections,
    }
    return environment().get_template("sections.html").render(context)
