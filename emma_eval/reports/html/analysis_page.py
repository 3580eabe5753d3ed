"""The page of an analysis, and the same sections for the page of its run; figures are embedded."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emma_eval.reports.analysis_notes import analysis_notes
from emma_eval.reports.html.templates import environment, page_frame
from emma_eval.results.model_analysis import (
    FIGURES_FOLDER,
    AnalysisRecord,
    SectionRecord,
    analyses_of_run,
    read_analysis,
)
from emma_eval.utils.data_roots import require_inside_folder
from emma_eval.utils.files import read_bytes, write_atomic

PAGE = "index.html"
SCRIPTS = ("theme.js",)
MAX_ROWS = 60  # of a table on the page; its CSV file has all


@dataclass(frozen=True, slots=True)
class ShownAnalysis:
    """An analysis with its figures as data URIs."""

    record: AnalysisRecord
    run: int  # index of its run among the reported ones
    images: dict[str, str]  # section and figure -> data URI

    @property
    def notes(self) -> list[str]:
        """What was analyzed, and what was not."""
        return list(analysis_notes(self.record))

    def image(self, section: SectionRecord, name: str) -> str | None:
        """A figure's data URI; None if its file is not there."""
        return self.images.get(f"{section.key}-{name}")


def write_analysis_page(record: AnalysisRecord, folder: Path) -> Path:
    """Write `index.html` into the analysis folder."""
    context = {
        **page_frame(SCRIPTS),
        "analysis": _shown(record, folder, 0),
        "max_rows": MAX_ROWS,
    }
    page = folder / PAGE
    write_atomic(page, environment().get_template("analysis.html").render(context))
    return page


def analyses_of(runs: Sequence[Path]) -> list[ShownAnalysis]:
    """The analyses that lie inside these run folders or around them. Raises UserError for a damaged one."""
    return [
        _shown(read_analysis(folder), folder, number)
        for number, run in enumerate(runs)
        for folder in analyses_of_run(run)
    ]


def _shown(record: AnalysisRecord, folder: Path, run: int) -> ShownAnalysis:
    images = {}
    for section in record.sections if record.has_figures else ():
        for figure in section.figures:
            name = f"{section.key}-{figure.name}"
            path = folder / FIGURES_FOLDER / f"{name}.png"
            if path.is_file():
                require_inside_folder(path, folder)
                images[name] = f"data:image/png;base64,{base64.b64encode(read_bytes(path)).decode('ascii')}"
    return ShownAnalysis(record, run, images)
