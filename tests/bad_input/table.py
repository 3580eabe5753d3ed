"""The counts as a table: for the terminal, and for docs/reliability.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bad_input.examine import MAX_BYTES
from tests.bad_input.outcome import FAULTS, HANG_SECONDS, RIGHT, Outcome, Target
from tests.bad_input.registry import NAMES
from tests.bad_input.workers import Result

DOCUMENT = Path(__file__).parents[2] / "docs/reliability.md"
BEGIN, END = "<!-- bad-input -->", "<!-- /bad-input -->"
HEADS = ("input", "count", *RIGHT, *FAULTS, "slowest")
MEANING_HEADS = ("input", "what it is", "what is silently wrong")


@dataclass(frozen=True)
class Row:
    """What became of one target's inputs."""

    target: Target
    outcomes: Counter[Outcome]
    slowest: float  # seconds
    seconds: float

    @property
    def count(self) -> int:
        """All inputs."""
        return self.outcomes.total()

    @property
    def faults(self) -> int:
        """The inputs that found a fault."""
        return sum(self.outcomes[fault] for fault in FAULTS)


def row_of(target: Target, results: Sequence[Result], seconds: float) -> Row:
    """The counts of a target's results."""
    outcomes = Counter(result.verdict.outcome for result in results)
    return Row(target, outcomes, max((result.verdict.seconds for result in results), default=0.0), seconds)


def _cells(row: Row) -> list[str]:
    return [row.target.name, f"{row.count:,}", *_counts(row.outcomes), f"{row.slowest:.1f} s"]


def _counts(outcomes: Counter[Outcome]) -> list[str]:
    return [f"{outcomes[outcome]:,}" for outcome in (*RIGHT, *FAULTS)]


def _total(rows: Sequence[Row]) -> list[str]:
    outcomes = sum((row.outcomes for row in rows), Counter[Outcome]())
    return ["all", f"{outcomes.total():,}", *_counts(outcomes), f"{max(row.slowest for row in rows):.1f} s"]


def console_table(rows: Sequence[Row]) -> str:
    """Aligned columns, a line a target and one for all."""
    lines = [list(map(str, HEADS)), *map(_cells, rows), _total(rows)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(HEADS))]
    return "\n".join(
        "  ".join(cell.ljust(width) if place == 0 else cell.rjust(width) for place, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in lines)
    )


def markdown(rows: Sequence[Row], seed: int, before: str = "") -> str:
    """The section's generated part: the counts, the limits, and what counts as silently wrong.

    Targets that were not examined now keep the lines that they have in `before`.
    """
    counts, meanings = _lines(before, len(HEADS)), _lines(before, len(MEANING_HEADS))
    counts |= {row.target.name: _cells(row) for row in rows}
    meanings |= {row.target.name: [row.target.name, row.target.what, row.target.wrong] for row in rows}
    counts.pop("all", None)
    known = [name for name in [*NAMES, *counts] if name in counts]
    listed = [counts[name] for name in dict.fromkeys(known)]
    limits = f"Limits: {HANG_SECONDS} s an input (`cases`, `loading`: minutes), {MAX_BYTES / 1e9:.0f} GB. Seed {seed}."
    table = _table(HEADS, [*listed, _sum(listed)], right=True)
    return "\n\n".join([table, limits, _table(MEANING_HEADS, [meanings[cells[0]] for cells in listed])])


def _lines(text: str, cells: int) -> dict[str, list[str]]:
    """The cells of the lines of so many cells, by their first."""
    found = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]
    return {line[0]: line for line in found if len(line) == cells and line[0] != "input"}


def _sum(lines: Sequence[Sequence[str]]) -> list[str]:
    columns = list(zip(*lines, strict=True))[1:-1]
    totals = [f"{sum(int(cell.replace(',', '')) for cell in column):,}" for column in columns]
    return ["all", *totals, f"{max(float(line[-1].removesuffix(' s')) for line in lines):.1f} s"]


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]], *, right: bool = False) -> str:
    rule = "|---" + ("|---:" if right else "|---") * (len(heads) - 1) + "|"
    return "\n".join([f"| {' | '.join(heads)} |", rule, *(f"| {' | '.join(cells)} |" for cells in lines)])


def write_document(rows: Sequence[Row], seed: int, path: Path = DOCUMENT) -> None:
    """Put the generated part between its marks. Raises ValueError for a document without them."""
    text = path.read_text(encoding="utf-8")
    before, mark, rest = text.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not (mark and end):
        raise ValueError(f"{path} has no {BEGIN} ... {END}")
    path.write_text(f"{before}{BEGIN}\n{markdown(rows, seed, old)}\n{END}{after}", encoding="utf-8")
