"""`analysis.json` of an analysis folder: what each section of `analyze` found, for pages and scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, NonNegativeInt

from emma_eval.utils.records import Record, read_record

ANALYSIS_FILE = "analysis.json"
RUN_FOLDER = "run"  # in an analysis folder: the answers that were analyzed, an ordinary run
IN_RUN = "analysis"  # in a run folder: where an analysis of it may lie
FIGURES_FOLDER = "figures"
SCHEMA_VERSION = 1
MEND = "run `analyze` again"

Value = str | int | float | None
Numbers = tuple[float | None, ...]


class TableRecord(Record):
    """A table; its CSV file is `tables/SECTION-NAME.csv`."""

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


class FigureRecord(Record):
    """A figure; its files are `figures/SECTION-NAME.png`, `.svg` and `.pdf`."""

    name: str
    caption: str


class SectionRecord(Record):
    """One section of an analysis."""

    key: str = Field(description="the name in --sections")
    title: str
    sentences: tuple[str, ...] = Field(description="what was found")
    limits: tuple[str, ...] = Field(description="what the numbers do not say")
    tables: tuple[TableRecord, ...]
    arrays: dict[str, Numbers | tuple[Numbers, ...]] = Field(description="name -> numbers, of one or two axes")
    figures: tuple[FigureRecord, ...]


class AnalyzedTask(Record):
    """How much of a task was analyzed."""

    task: str
    title: str
    samples: NonNegativeInt = Field(description="of the run")
    analyzed: NonNegativeInt
    left_out: dict[str, int] = Field(description="why samples were not analyzed -> how many")


class AnalysisRecord(Record):
    """The file analysis.json."""

    schema_version: int = SCHEMA_VERSION
    model: str = Field(description="as given")
    name: str = Field(description="as tables call it")
    summary: str = Field(description="what the loaded model is, in words")
    dtype: str
    device: str
    samples: int | None = Field(description="most samples of a task; None: all")
    seed: int = Field(description="of the choice of samples and of all that is drawn")
    tasks: tuple[AnalyzedTask, ...]
    left_out: dict[str, str] = Field(description="section -> why it was not made")
    has_figures: bool
    sections: tuple[SectionRecord, ...]


def read_analysis(folder: Path) -> AnalysisRecord:
    """The record of an analysis folder. Raises UserError for a file that can't be read."""
    return read_record(folder / ANALYSIS_FILE, AnalysisRecord, MEND)


def analyses_of_run(run: Path) -> Iterator[Path]:
    """The analysis folders of a run: inside it, and the one whose run it is."""
    folders = [run / IN_RUN]
    if run.resolve().name == RUN_FOLDER:
        folders.append(run.resolve().parent)
    return (folder for folder in folders if (folder / ANALYSIS_FILE).is_file())
