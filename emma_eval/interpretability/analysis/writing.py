"""Writes an analysis: JSON, a CSV file a table and array, each figure as PNG, SVG and PDF, and one page."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from emma_eval.interpretability.analysis.analyze import Analysis, Plan
from emma_eval.interpretability.analysis.section import AnalysisSection, Floats
from emma_eval.reports.figures import draw_figures
from emma_eval.reports.html.analysis_page import write_analysis_page
from emma_eval.results.model_analysis import (
    ANALYSIS_FILE,
    FIGURES_FOLDER,
    AnalysisRecord,
    FigureRecord,
    Numbers,
    SectionRecord,
    TableRecord,
    Value,
)
from emma_eval.runs.settings import RunSettings
from emma_eval.utils.data_roots import require_inside_folder
from emma_eval.utils.files import make_output_folder, write_atomic
from emma_eval.utils.records import to_json
from emma_eval.utils.table_io import to_csv

TABLES_FOLDER, ARRAYS_FOLDER = "tables", "arrays"


def write_analysis(analysis: Analysis, plan: Plan, settings: RunSettings, folder: Path) -> AnalysisRecord:
    """Write everything into the folder, replacing what an earlier analysis wrote, and return the record.

    Without matplotlib there are no figures. Raises UserError where nothing can be written.
    """
    has_figures = find_spec("matplotlib") is not None
    for name in (TABLES_FOLDER, ARRAYS_FOLDER, FIGURES_FOLDER):
        require_inside_folder(folder / name, folder)
        shutil.rmtree(folder / name, ignore_errors=True)
        if name != FIGURES_FOLDER or has_figures:
            make_output_folder(folder / name)
    for key, section in analysis.sections.items():
        _write_csv_files(key, section, folder)
    if has_figures:
        sections = analysis.sections.items()
        figures = {f"{key}-{figure.name}": figure.draw for key, section in sections for figure in section.figures}
        draw_figures(figures, folder / FIGURES_FOLDER)
    record = to_record(analysis, plan, settings, has_figures=has_figures)
    write_atomic(folder / ANALYSIS_FILE, to_json(record))
    write_analysis_page(record, folder)
    return record


def to_record(analysis: Analysis, plan: Plan, settings: RunSettings, *, has_figures: bool) -> AnalysisRecord:
    """The record of an analysis. Numbers that are not finite become None."""
    runner = analysis.subject.runner
    return AnalysisRecord(
        model=settings.model.source,
        name=analysis.subject.name,
        summary=runner.summary,
        dtype=str(runner.dtype).removeprefix("torch."),
        device=str(runner.device),
        samples=settings.limit,
        seed=analysis.subject.seed,
        tasks=analysis.subject.tasks,
        left_out=plan.left_out,
        has_figures=has_figures,
        sections=tuple(_section_record(key, section) for key, section in analysis.sections.items()),
    )


def _section_record(key: str, section: AnalysisSection) -> SectionRecord:
    tables = (
        TableRecord(
            name=table.name,
            caption=table.caption,
            columns=table.columns,
            rows=tuple(tuple(map(_finite, row)) for row in table.rows),
        )
        for table in section.tables
    )
    return SectionRecord(
        key=key,
        title=section.title,
        sentences=section.sentences,
        limits=section.limits,
        tables=tuple(tables),
        arrays={name: _nested(array) for name, array in section.arrays.items()},
        figures=tuple(FigureRecord(name=figure.name, caption=figure.caption) for figure in section.figures),
    )


def _nested(array: Floats) -> Numbers | tuple[Numbers, ...]:
    if array.ndim == 1:
        return tuple(_finite_number(float(number)) for number in array)
    return tuple(tuple(_finite_number(float(number)) for number in row) for row in array)


def _finite_number(number: float) -> float | None:
    return number if np.isfinite(number) else None


def _finite(value: Value) -> Value:
    return _finite_number(value) if isinstance(value, float) else value


def _write_csv_files(key: str, section: AnalysisSection, folder: Path) -> None:
    for table in section.tables:
        rows = [dict(zip(table.columns, map(_finite, row), strict=True)) for row in table.rows]
        write_atomic(folder / TABLES_FOLDER / f"{key}-{table.name}.csv", to_csv(rows, table.columns))
    for name, array in section.arrays.items():
        write_atomic(folder / ARRAYS_FOLDER / f"{key}-{file_name(name)}.csv", _array_csv(array))


def _array_csv(array: Floats) -> str:
    """A line a row, without a header; an array of one axis is a column."""
    rows: list[Mapping[str, float | None]] = []
    columns = [str(number) for number in range(array.shape[1] if array.ndim > 1 else 1)]
    for row in array.reshape(len(array), -1):
        rows.append(dict(zip(columns, (_finite_number(float(number)) for number in row), strict=True)))
    return to_csv(rows, columns).partition("\n")[2]


def file_name(name: str) -> str:
    """An array's name as part of a file's."""
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
