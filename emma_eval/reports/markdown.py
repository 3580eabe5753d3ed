"""Tables as Markdown. All text is escaped, so no name or answer can break a table."""

from __future__ import annotations

import re
from collections.abc import Sequence

from emma_eval.reports.tables import Cell, Table, TableRow, footnotes_of
from emma_eval.utils.text import pluralize, single_spaced

KEY = (
    "Best of the published values and best of the measured ones in **bold**, second <u>underlined</u>. In brackets\n"
    "the 95% interval of a measured value (see docs/statistics.md). Numbers refer to the list at the end."
)
DIFFERENCES = (
    'A row "minus ..." is the measured value minus the same model\'s published one; its notes say where split,\n'
    "metric, protocol or size are not the same, or not known to be."
)


def escape_markdown(text: str) -> str:
    """Escape text for Markdown and the HTML in it, in a table cell or outside."""
    text = re.sub(r"([\\`*_\[\]|~])", r"\\\1", single_spaced(text))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markdown(tables: Sequence[Table]) -> str:
    """The whole leaderboard: every table, and at the end one folded list of notes and sources."""
    different = any(row.kind == "difference" for table in tables for row in table.rows)
    parts = ["# Leaderboard", KEY, *([DIFFERENCES] if different else []), *map(_section, tables)]
    if footnotes := footnotes_of(tables):
        summary = f"<summary>{pluralize(len(footnotes), 'note')} and sources</summary>"
        parts += [f"<details>\n{summary}", _listed(footnotes), "</details>"]
    return "\n\n".join(parts) + "\n"


def markdown_section(table: Table) -> str:
    """One table with its notes and footnotes."""
    return "\n\n".join([_section(table), *([_listed(table.footnotes)] if table.footnotes else [])])


def _section(table: Table) -> str:
    parts = [f"## {escape_markdown(table.title)}", _grid(table)]
    return "\n\n".join([*parts, *map(escape_markdown, table.notes)])


def _listed(footnotes: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"- <sup>{mark}</sup> {escape_markdown(text)}" for mark, text in footnotes)


def _grid(table: Table) -> str:
    from tabulate import tabulate

    return tabulate(
        [[_label(row), *map(_cell, row.cells)] for row in table.rows],
        headers=[
            escape_markdown(table.corner),
            *("<br>".join(map(escape_markdown, heading.lines)) for heading in table.headings),
        ],
        tablefmt="pipe",
        colalign=("left", *("right" for _ in table.headings)),
        disable_numparse=True,
    )


def _label(row: TableRow) -> str:
    label = escape_markdown(row.label)
    return f"*{label}*" if row.kind == "difference" else label


def _cell(cell: Cell) -> str:
    text = escape_markdown(cell.text)
    text = (text, f"**{text}**", f"<u>{text}</u>")[cell.rank]
    text += f"<sup>{','.join(cell.footnotes)}</sup>" if cell.footnotes else ""
    return text + (f" <sub>{escape_markdown(cell.interval)}</sub>" if cell.interval else "")
