"""Text for people: paragraphs broken between words, and tables that fit the terminal. Plain ASCII, no colours.

A table that is too wide loses its less needed columns; if it still does not fit, each row becomes a short paragraph.
Numbers and names are never cut.
"""

from __future__ import annotations

import os
import re
import sys
import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

from emma_eval.errors import one_line

DEFAULT_WIDTH = 80  # where there is no terminal, as in a file or a pipe
NARROWEST, WIDEST_PROSE = 40, 110
GAP = "  "
_UNBREAKABLE = re.compile(r"\[[-+\d.]+, [-+\d.]+\]|\b\w+ [-+]?\d[\d.]*(?=[,;%]|$)")  # `[1.5, 2.5]`, `p 0.05,`
_NO_BREAK = "\N{NO-BREAK SPACE}"
LEAST_TO_WRAP = 24  # columns that a wrapped column must have; with fewer, rows become paragraphs


def known_width(stream: IO[str] | None = None) -> int | None:
    """The columns of the variable COLUMNS, else of the terminal that the stream (standard output) is; None if none."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdecimal() and len(columns) < 6 and int(columns):
        return max(int(columns), NARROWEST)
    try:
        return max(os.get_terminal_size((stream or sys.stdout).fileno()).columns, NARROWEST)
    except (OSError, ValueError, AttributeError):
        return None


def terminal_width(stream: IO[str] | None = None) -> int:
    """Columns to write within: `known_width`, else 80."""
    return known_width(stream) or DEFAULT_WIDTH


def text_width(text: str) -> int:
    """How many columns a terminal needs for a line of text: two for each wide (East Asian) character."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )


def paragraph(text: str, width: int, first: str = "", rest: str | None = None) -> list[str]:
    """The text as lines, broken at blanks alone: paths and numbers stay whole. `first` and `rest` begin the lines."""
    begin = first if rest is None else rest
    lines = textwrap.wrap(
        _UNBREAKABLE.sub(lambda match: match[0].replace(" ", _NO_BREAK), one_line(text)),
        min(width, WIDEST_PROSE),
        initial_indent=first,
        subsequent_indent=begin,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_NO_BREAK, " ") for line in lines]


def quoted(text: str, indent: str = "    ") -> list[str]:
    """A text to be read as it is, such as a prompt: its lines moved in, and where wider, continued further in.

    Where the width is not known, as in a pipe, no line is broken.
    """
    width = known_width()
    lines = []
    for line in text.split("\n"):
        if width is None or text_width(indent + line) <= width:
            lines.append(f"{indent}{line}")
        else:
            lines += textwrap.wrap(
                line,
                width,
                initial_indent=indent,
                subsequent_indent=f"{indent}  ",
                break_long_words=False,
                break_on_hyphens=False,
                drop_whitespace=True,
            )
    return lines


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table."""

    head: str
    right: bool = False  # aligned so, as numbers are
    drop: int = 0  # 0: never dropped; of the others the highest goes first
    wraps: bool = False  # may be broken between words; of the last column alone


def table_lines(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int, indent: str = "") -> list[str]:
    """A table within the width, its head first; without rows, nothing. Empty columns are left out."""
    cells = [[one_line(text) for text in row] for row in rows]
    kept = [index for index in range(len(columns)) if any(row[index] for row in cells)]
    if not kept:
        return []
    room = width - len(indent)
    while _least_width(columns, kept, cells) > room and any(columns[index].drop for index in kept):
        kept.remove(max(kept, key=lambda index: columns[index].drop))
    if _least_width(columns, kept, cells) > room:
        return [line for row in cells for line in _block(columns, kept, row, width, indent)]
    return _grid([columns[index] for index in kept], [[row[index] for index in kept] for row in cells], room, indent)


def _widths(columns: Sequence[Column], kept: Sequence[int], cells: Sequence[Sequence[str]]) -> list[int]:
    return [max(text_width(text) for text in (columns[i].head, *(row[i] for row in cells))) for i in kept]


def _least_width(columns: Sequence[Column], kept: Sequence[int], cells: Sequence[Sequence[str]]) -> int:
    """What the table needs, its wrapped column made as narrow as it may be."""
    *widths, last = _widths(columns, kept, cells)
    last = min(last, LEAST_TO_WRAP) if columns[kept[-1]].wraps else last
    return sum(widths) + last + len(GAP) * len(widths)


def _grid(columns: Sequence[Column], cells: Sequence[Sequence[str]], room: int, indent: str) -> list[str]:
    *widths, last = _widths(columns, range(len(columns)), cells)
    used = sum(widths) + len(GAP) * len(widths)
    last = min(last, room - used) if columns[-1].wraps else last
    lines = []
    for row in ([column.head for column in columns], *cells):
        *firsts, end = row
        ends = paragraph(end, last) if columns[-1].wraps else [end]
        for number, part in enumerate(ends or [""]):
            texts = [*firsts, part] if number == 0 else [*[""] * len(firsts), part]
            padded = map(_padded, columns, texts, [*widths, last])
            lines.append((indent + GAP.join(padded)).rstrip())
    return lines


def _padded(column: Column, text: str, width: int) -> str:
    blanks = " " * (width - text_width(text))
    return blanks + text if column.right else text + blanks


def _block(columns: Sequence[Column], kept: Sequence[int], row: Sequence[str], width: int, indent: str) -> list[str]:
    """One row as a paragraph: what the first column says, then `head value` of the others."""
    first, *others = kept
    parts = [f"{columns[index].head} {row[index]}".strip() for index in others if row[index]]
    return paragraph(f"{row[first]}: {', '.join(parts)}", width, indent, f"{indent}    ")
