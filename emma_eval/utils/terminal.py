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
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import IO

from emma_eval.errors import one_line

DEFAULT_WIDTH = 80  # where there is no terminal, as in a file or a pipe
NARROWEST, WIDEST_PROSE = 40, 110
GAP = "  "
_UNBREAKABLE = re.compile(r"\[[-+\d.]+, [-+\d.]+\]|\b\w+ [-+]?\d[\d.]*(?=[,;%]|$)")  # `[1.5, 2.5]`, `p 0.05,`
_NO_BREAK = "\N{NO-BREAK SPACE}"
LEAST_TO_WRAP = 14  # columns that a column with words must keep; with fewer, rows become paragraphs


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


def message_lines(text: str) -> list[str]:
    """A message as a paragraph; as one line where the width is not known, as in a log that is searched."""
    width = known_width()
    return [one_line(text)] if width is None else paragraph(text, width, rest="    ")


def print_message(text: str) -> None:
    """Print a message to standard error: broken between words on a terminal, in one line elsewhere."""
    lines = [one_line(text)]
    if sys.stderr.isatty():
        lines = paragraph(text, terminal_width(sys.stderr), rest="    ")
    print(*lines, sep="\n", file=sys.stderr, flush=True)


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
    wraps: bool = False  # may be broken between words, down to LEAST_TO_WRAP


def table_lines(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """A table within the width, its head first; without rows, nothing. Empty columns are left out."""
    cells = [[one_line(text) for text in row] for row in rows]
    kept = [index for index in range(len(columns)) if any(row[index] for row in cells)]
    while True:
        shown = [columns[index] for index in kept]
        texts = [[row[index] for index in kept] for row in cells]
        widths = _widths(shown, texts, width)
        if widths is not None or not any(column.drop for column in shown):
            break
        kept.remove(max(kept, key=lambda index: columns[index].drop))
    if widths is None:
        return [line for row in texts for line in _block(shown, row, width)]
    heads = [column.head for column in shown]
    return [line for row in (heads, *texts) for line in _row(shown, row, widths)] if kept else []


def _widths(columns: Sequence[Column], cells: Sequence[Sequence[str]], width: int) -> list[int] | None:
    """The columns' widths, the widest of those that wrap made narrower as needed; None if the table is too wide."""
    widths = [
        max(text_width(text) for text in (column.head, *(row[index] for row in cells)))
        for index, column in enumerate(columns)
    ]
    least = {
        index: max([LEAST_TO_WRAP, *(text_width(word) for row in cells for word in row[index].split())])
        for index, column in enumerate(columns)
        if column.wraps
    }
    for _ in range(max(sum(widths) + len(GAP) * (len(widths) - 1) - width, 0)):
        narrowable = [index for index in least if widths[index] > least[index]]
        if not narrowable:
            return None
        widths[max(narrowable, key=lambda index: widths[index])] -= 1
    return widths


def _row(columns: Sequence[Column], row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """The lines of one row: as many as its longest cell, wrapped, has."""
    parts = [
        paragraph(text, width) if column.wraps else [text]
        for column, text, width in zip(columns, row, widths, strict=True)
    ]
    for line in zip_longest(*parts, fillvalue=""):
        yield GAP.join(map(_padded, columns, line, widths)).rstrip()


def _padded(column: Column, text: str, width: int) -> str:
    blanks = " " * (width - text_width(text))
    return blanks + text if column.right else text + blanks


def _block(columns: Sequence[Column], row: Sequence[str], width: int) -> list[str]:
    """One row as a paragraph: what its first cell says, then `head value` of the others."""
    first, *others = row
    parts = [f"{column.head} {text}" for column, text in zip(columns[1:], others, strict=True) if text]
    return paragraph(f"{first}: {', '.join(parts)}" if first else ", ".join(parts), width, "" if first else GAP, "    ")
