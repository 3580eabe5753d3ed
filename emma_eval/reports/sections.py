"""What a command found, in sections of a table and notes, before they become terminal text, Markdown or a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from emma_eval.reports.markdown import escape_markdown
from emma_eval.utils.terminal import Column, paragraph, table_lines


@dataclass(frozen=True, slots=True)
class SectionFigure:
    """A plot, on the page alone."""

    caption: str
    svg: Markup


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, a table, and notes below it."""

    title: str
    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()
    figures: tuple[SectionFigure, ...] = ()
    level: int = 2  # of the heading; 3 belongs to the last of level 2


def section_lines(sections: Iterable[Section], width: int) -> list[str]:
    """All sections for a terminal of this width."""
    lines: list[str] = []
    for section in sections:
        lines += [*paragraph(section.title, width), ""]
        if section.rows:
            lines += [*table_lines(section.columns, section.rows, width), ""]
        for note in section.notes:
            lines += paragraph(note, width, "  ", "    ")
        lines += [""] if section.notes else []
    return lines


def section_markdown(title: str, lead: Sequence[str], sections: Iterable[Section]) -> str:
    """A document with these sections."""
    lines = [f"# {escape_markdown(title)}", ""]
    for text in lead:
        lines += [escape_markdown(text), ""]
    for section in sections:
        lines += [f"{'#' * section.level} {escape_markdown(section.title)}", ""]
        if section.rows:
            lines += [_row([column.head for column in section.columns])]
            lines += [_row(["---:" if column.right else "---" for column in section.columns])]
            lines += [_row([escape_markdown(cell) for cell in row]) for row in section.rows]
            lines.append("")
        lines += [f"- {escape_markdown(note)}" for note in section.notes]
        lines += [""] if section.notes else []
    return "\n".join(lines).rstrip("\n") + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
