"""Tables as Markdown, LaTeX, CSV and terminal text. All text is escaped, so no name or answer can break a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from emma_eval.reports.tables import Cell, Heading, Table, transposed
from emma_eval.utils.table_io import to_csv

if TYPE_CHECKING:
    import rich.console
    import rich.table

CSV_FIELDS = (
    "table",
    "model",
    "kind",
    "benchmark",
    "split",
    "metric",
    "value",
    "low",
    "high",
    "unit",
    "rank",
    "source",
    "remarks",
)
LATEX_SPECIALS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
} | {character: f"\\{character}" for character in "&%$#_{}"}


def one_line(text: str) -> str:
    """The text with each run of white space and control characters replaced by one blank."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", text).strip()


def escape_markdown(text: str) -> str:
    """Escape text for Markdown and the HTML in it, in a table cell or outside."""
    text = re.sub(r"([\\`*_\[\]|~])", r"\\\1", one_line(text))
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def escape_latex(text: str) -> str:
    """Escape text for LaTeX."""
    return "".join(LATEX_SPECIALS.get(character, character) for character in one_line(text))


def markdown(tables: Sequence[Table]) -> str:
    """The whole leaderboard: every table with its footnotes."""
    return "\n\n".join(["# Leaderboard", KEY_MARKDOWN, *map(markdown_section, tables)]) + "\n"


KEY_MARKDOWN = (
    "Best of a column in **bold**, second <u>underlined</u>. A column is one benchmark, one split, one metric.\n"
    "In brackets the 95% interval of a measured value (see docs/statistics.md)."
)


def latex(tables: Sequence[Table]) -> str:
    """Each table as a `table` environment, followed by its footnotes. Needs the package graphicx."""
    head = r"% \usepackage{graphicx}; best of a column in \textbf, second in \underline"
    return "\n\n".join([head, *map(_latex_section, tables)]) + "\n"


def csv(tables: Sequence[Table]) -> str:
    """One line a value, with unrounded numbers, source and remarks; no text in it is a formula to a spreadsheet."""
    return to_csv((record for table in tables for record in table.csv_records), CSV_FIELDS)


def terminal(table: Table, console: rich.console.Console) -> rich.table.Table:
    """The table for a terminal, transposed if it fits only so. Footnotes are in the files alone."""
    shown = _terminal_grid(table)
    return shown if _width(shown, console) <= console.width else _terminal_grid(transposed(table))


def print_table(table: Table) -> None:
    """Print a table and its notes. Where standard output is a pipe or a file, no line is folded.

    A table too wide for the terminal is transposed; if it is still too wide, its rows are printed as text. Numbers are
    never cut.
    """
    import rich.console

    console = rich.console.Console()
    if not console.is_terminal:
        console.width = max(200, _width(_terminal_grid(table), console))
    shown = terminal(table, console)
    if _width(shown, console) <= console.width:
        console.print(shown)
    else:
        for line in as_lines(table):
            console.print(line, markup=False, highlight=False)
    for note in table.notes:
        console.print(one_line(note), markup=False, highlight=False)


def as_lines(table: Table) -> list[str]:
    """The title, then each row as 'label: head value; head value'. Empty cells are left out."""
    heads = [" ".join(map(one_line, heading.lines)) for heading in table.headings]
    lines = [one_line(table.title), ""]
    for row in table.rows:
        cells = zip(heads, row.cells, strict=True)
        values = (f"{head} {one_line(cell.text)}{_interval(cell)}" for head, cell in cells if cell.text)
        lines += [f"{one_line(row.label)}: {'; '.join(values)}", ""]
    return lines


def _width(shown: rich.table.Table, console: rich.console.Console) -> int:
    """Its width in characters if no cell is folded."""
    import rich.measure

    return rich.measure.Measurement.get(console, console.options.update(max_width=10_000), shown).maximum


def _terminal_grid(table: Table) -> rich.table.Table:
    import rich.box
    import rich.table
    import rich.text

    styles = ("", "bold", "underline")
    title = rich.text.Text(one_line(table.title), "bold")
    shown = rich.table.Table(title=title, box=rich.box.SIMPLE_HEAD, title_justify="left")
    shown.add_column(rich.text.Text(table.corner))
    for heading in table.headings:
        shown.add_column(rich.text.Text("\n".join(map(one_line, heading.lines))), justify="right")
    for row in table.rows:
        cells = [
            rich.text.Text.assemble((one_line(cell.text), styles[cell.rank]), (_interval(cell), "dim"))
            for cell in row.cells
        ]
        shown.add_row(rich.text.Text(one_line(row.label)), *cells)
    return shown


def _interval(cell: Cell) -> str:
    return f" {cell.interval}" if cell.interval else ""


def _grid(table: Table, escape: Callable[[str], str], cell: Callable[[Cell], str], style: str) -> str:
    from tabulate import tabulate

    def head(heading: Heading) -> str:
        lines = [escape(line) for line in heading.lines]
        return "<br>".join(lines) if style == "pipe" else r"\shortstack{" + r" \\ ".join(lines) + "}"

    return tabulate(
        [[escape(row.label), *map(cell, row.cells)] for row in table.rows],
        headers=[escape(table.corner), *map(head, table.headings)],
        tablefmt=style,
        colalign=("left", *("right" for _ in table.headings)),
        disable_numparse=True,
    )


def markdown_section(table: Table) -> str:
    """One table with its notes and footnotes."""

    def cell(cell: Cell) -> str:
        text = escape_markdown(cell.text)
        text = (text, f"**{text}**", f"<u>{text}</u>")[cell.rank]
        text += f"<sup>{','.join(cell.footnotes)}</sup>" if cell.footnotes else ""
        return text + (f" <sub>{escape_markdown(cell.interval)}</sub>" if cell.interval else "")

    parts = [f"## {escape_markdown(table.title)}", _grid(table, escape_markdown, cell, "pipe")]
    parts += [escape_markdown(note) for note in table.notes]
    if table.footnotes:
        parts.append("\n".join(f"- <sup>{mark}</sup> {escape_markdown(text)}" for mark, text in table.footnotes))
    return "\n\n".join(parts)


def _latex_section(table: Table) -> str:
    def cell(cell: Cell) -> str:
        text = escape_latex(cell.text)
        text = (text, rf"\textbf{{{text}}}", rf"\underline{{{text}}}")[cell.rank]
        text += rf"\textsuperscript{{{','.join(cell.footnotes)}}}" if cell.footnotes else ""
        return text + (rf" {{\scriptsize {escape_latex(cell.interval)}}}" if cell.interval else "")

    lines = [
        r"\begin{table}[t]",
        r"\centering",
        rf"\caption{{{escape_latex(table.title)}}}",
        rf"\label{{tab:{table.key}}}",
        r"\resizebox{\textwidth}{!}{%",
        _grid(table, escape_latex, cell, "latex_raw") + "}",
        r"\end{table}",
    ]
    under = [escape_latex(note) for note in table.notes]
    under += [rf"\textsuperscript{{{mark}}} {escape_latex(text)}" for mark, text in table.footnotes]
    if under:
        lines += [r"{\footnotesize\noindent", " \\\\\n".join(under), r"\par}"]
    return "\n".join(lines)
