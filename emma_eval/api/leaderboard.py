"""`Run.leaderboard`: runs beside published scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.api.frames import frame
from emma_eval.reports.leaderboard import Leaderboard
from emma_eval.reports.leaderboard_files import write_leaderboard
from emma_eval.reports.markdown import markdown_section
from emma_eval.reports.published import load_published
from emma_eval.reports.render import CSV_FIELDS
from emma_eval.reports.tables import Table
from emma_eval.results.scores import read_runs

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class LeaderboardTables:
    """The columns that hold a measured value, as the command `leaderboard` prints them."""

    tables: tuple[Table, ...]

    @property
    def frame(self) -> pd.DataFrame:
        """A row a value, measured or published, unrounded, with its source."""
        return frame((record for table in self.tables for record in table.csv_records), CSV_FIELDS)

    def __repr__(self) -> str:
        return "\n\n".join(map(markdown_section, self.tables))

    _repr_markdown_ = __repr__  # all text in it is escaped


def leaderboard(paths: Sequence[Path], output: Path | None) -> LeaderboardTables:
    """The tables of these runs; the files are written into the folder `output`. Raises UserError without scores."""
    made = Leaderboard(read_runs(paths), load_published())
    if output is not None:
        write_leaderboard(output, made)
    return LeaderboardTables(tuple(made.tables(measured_only=True)))
