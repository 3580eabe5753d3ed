r"""Tables as LaTeX: booktabs, `\small`, no wider than a page's text; tables with more columns are set in parts.

The file is to be `\input`; it needs the package booktabs alone.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Literal

from emma_eval.reports.tables import Cell, Heading, Table, TableRow, footnotes_of, with_columns, with_interval_rows
from emma_eval.utils.text import single_spaced

Notes = Literal["list", "none"]

SPECIALS = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "\N{EN DASH}": "--",
    "\N{EM DASH}": "---",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
} | {character: f"\\{character}" for character in "&%$#_{}"}
LAST_LATIN = "\u024f"  # letters up to here are in the usual fonts
TEXT_WIDTH = 345.0  # points: of the standard class article, the narrowest of the usual ones
SMALL, SCRIPT, GAP = 1.0, 0.8, 8.0  # sizes of \small and \scriptsize; points between two columns
LABEL_WIDTH = 165.0  # points: of the longest label on a line
HEAD_LETTERS = 20  # of a column's head on a line


def escape_latex(text: str) -> str:
    """Escape text for LaTeX; a character that pdfLaTeX has no letter for becomes its number, as `[U+4E2D]`."""
    return "".join(SPECIALS.get(character, _letter(character)) for character in single_spaced(text))


def latex(tables: Sequence[Table], notes: Notes = "list") -> str:
    """A `table` environment each, then one list of notes and sources; with "none", stars in place of numbers."""
    head = r"% \usepackage{booktabs}; best in \textbf, second in \underline"
    parts = [head, *(_float(table, notes) for table in tables)]
    if notes == "list" and (footnotes := footnotes_of(tables)):
        parts.append(_note_list(footnotes))
    return "\n\n".join(parts) + "\n"


def _letter(character: str) -> str:
    if character.isascii() or (character.isalpha() and character <= LAST_LATIN):
        return character
    return f"[U+{ord(character):04X}]"


def _note_list(footnotes: Sequence[tuple[str, str]]) -> str:
    items = [rf"\textsuperscript{{{mark}}}~{_breakable(text)}" for mark, text in footnotes]
    begin = [r"\begingroup\footnotesize\sloppy\setlength{\parindent}{0pt}", r"\textbf{Notes and sources.}\par"]
    return "\n".join([*begin, *(f"{item}\\par" for item in items), r"\endgroup"])


def _breakable(text: str) -> str:
    """Escaped text that may be broken behind slashes, underscores and at-signs: in paths and addresses."""
    text = escape_latex(text)
    for sign in ("/", r"\_", "@"):
        text = text.replace(sign, rf"{sign}\allowbreak{{}}")
    return text


def _float(table: Table, notes: Notes) -> str:
    shown = with_interval_rows(table)
    parts = [_tabular(with_columns(shown, columns), notes) for columns in _parts(shown, notes)]
    below = [escape_latex(note) for note in table.notes]
    if notes == "none" and any(cell.differs for row in table.rows for cell in row.cells):
        below.insert(0, r"\textsuperscript{*} Not known to be of one split, metric, protocol and size.")
    return "\n".join(
        [
            r"\begin{table}[tp]",
            r"\centering\small",
            rf"\caption{{{escape_latex(table.title)}}}",
            rf"\label{{tab:{table.key}}}\par\smallskip",
            "\n\\par\\medskip\n".join(parts),
            *([rf"\par\smallskip\footnotesize {' '.join(below)}"] if below else []),
            r"\end{table}",
        ]
    )


def _parts(table: Table, notes: Notes) -> list[list[int]]:
    """The columns of each part, as many as fit."""
    label = min(max(_points(row.label) for row in table.rows) + 9, LABEL_WIDTH)
    parts: list[list[int]] = [[]]
    room = TEXT_WIDTH - label
    for index in range(len(table.headings)):
        width = _width(table, index, notes) + GAP
        if parts[-1] and width > room:
            parts.append([])
            room = TEXT_WIDTH - label
        parts[-1].append(index)
        room -= width
    return parts


def _width(table: Table, index: int, notes: Notes) -> float:
    """An upper bound of a column's width in points."""
    cells = [(row.kind, row.cells[index]) for row in table.rows]
    heads = [_points(line) for line in _head_lines(table.headings[index])]
    widths = [
        _points(cell.text, SCRIPT if kind == "interval" else SMALL)
        + _points(_mark(cell, notes) + cell.interval, SCRIPT)
        for kind, cell in cells
    ]
    return max([*heads, *widths])


def _points(text: str, size: float = SMALL) -> float:
    """An upper bound of a text's width in points, as printed; bold is a little wider."""
    printed = "".join(letter if letter in SPECIALS else _letter(letter) for letter in single_spaced(text))
    wide = sum(letter in "MW@%" for letter in printed)
    broad = sum(letter.isupper() or letter in "mw" for letter in printed)
    return size * (len(printed) * 4.9 + broad * 2.5 + wide * 1.5)


def _head_lines(heading: Heading) -> list[str]:
    return [line for whole in heading.lines for line in textwrap.wrap(single_spaced(whole), HEAD_LETTERS) or [""]]


def _tabular(table: Table, notes: Notes) -> str:
    lines = [
        rf"\setlength{{\tabcolsep}}{{{GAP / 2:g}pt}}%",
        rf"\begin{{tabular}}{{@{{}}l{'r' * len(table.headings)}@{{}}}}",
        r"\toprule",
        *_heads(table.corner, table.headings),
        r"\midrule",
    ]
    above: TableRow | None = None
    for row in table.rows:
        if above and row.kind == "measured" and above.kind == "published":
            lines.append(r"\midrule")
        lines.append(_row(row, notes))
        above = row
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _heads(corner: str, headings: Sequence[Heading]) -> list[str]:
    """A row for each line of the heads; short heads stand at the bottom."""
    heads = [[corner], *map(_head_lines, headings)]
    height = max(map(len, heads))
    rows = zip(*([""] * (height - len(lines)) + lines for lines in heads), strict=True)
    return [" & ".join([_row_begin(escape_latex(first)), *map(escape_latex, texts)]) + r" \\" for first, *texts in rows]


def _row_begin(label: str) -> str:
    r"""A row's first cell: `[` or `*` at its beginning would be read as an argument of the `\\` or rule before it."""
    return f"{{}}{label}" if label.startswith(("[", "*")) else label


def _row(row: TableRow, notes: Notes) -> str:
    label = escape_latex(row.label)
    if _points(row.label) > LABEL_WIDTH:
        label = rf"\parbox[t]{{{LABEL_WIDTH:g}pt}}{{\raggedright {label}}}"
    if row.kind in ("interval", "difference"):
        label = rf"\quad {label}"
    styled: Callable[[Cell], str] = _interval_cell if row.kind == "interval" else lambda cell: _cell(cell, notes)
    return " & ".join([_row_begin(label), *map(styled, row.cells)]) + r" \\"


def _interval_cell(cell: Cell) -> str:
    return rf"{{\scriptsize {escape_latex(cell.text)}}}" if cell.text else ""


def _cell(cell: Cell, notes: Notes) -> str:
    text = escape_latex(cell.text)
    text = rf"$-${text[1:]}" if text.startswith("-") else text
    text = (text, rf"\textbf{{{text}}}", rf"\underline{{{text}}}")[cell.rank]
    if mark := _mark(cell, notes):
        text += rf"\textsuperscript{{{mark}}}"
    return text + (rf" {{\scriptsize {escape_latex(cell.interval)}}}" if cell.interval else "")


def _mark(cell: Cell, notes: Notes) -> str:
    if notes == "none":
        return "*" if cell.differs else ""
    return ",".join(cell.footnotes)
