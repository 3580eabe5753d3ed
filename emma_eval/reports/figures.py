"""The report's plots as PNG, SVG and PDF for papers, drawn with matplotlib (`figure_plots`)."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emma_eval.errors import UserError
from emma_eval.reports.figure_plots import bars, dots, radar
from emma_eval.reports.html.panels import category_panels, full_ranges, overview, score_panels
from emma_eval.reports.html.run_loader import read_runs, statistics_by_run
from emma_eval.reports.table_panels import MODELS, table_panel
from emma_eval.reports.tables import Table
from emma_eval.utils.files import make_output_folder, write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "hatch.linewidth": 0.4,
    "savefig.dpi": 300,
    "savefig.bbox": "tight",
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "emma-eval",  # equal figures give equal files
    "pdf.fonttype": 42,  # fonts that a printer can embed
    "text.parse_math": False,  # a dollar in a name is a dollar
}
METADATA: dict[str, Any] = {"png": None, "svg": {"Date": None}, "pdf": {"CreationDate": None}}  # of each format
MIN_AXES = 3  # of a radar


def write_figures(folders: Sequence[Path], output: Path) -> list[Path]:
    """Draw scores, profiles and each task's categories; return the files.

    Raises UserError without matplotlib, for a folder without a finished run, and if no run has a scored task.
    """
    _require_matplotlib()
    runs = read_runs(folders)
    make_output_folder(output)
    names = dict(enumerate(run.label for run in runs))
    all_tasks = overview(runs, full_ranges(statistics_by_run(runs)[0]))
    scores = score_panels(runs)
    figures: dict[str, Callable[[], Figure]] = {}
    if scores:
        figures["scores"] = partial(dots, scores, {})  # rows are models: no legend says it again
    if all_tasks.rows:
        figures["models"] = partial(dots, [all_tasks], names)
        figures["models-bars"] = partial(bars, all_tasks, names)
    if len(all_tasks.rows) >= MIN_AXES:
        figures["models-radar"] = partial(radar, all_tasks, names)
    for title, panels in category_panels(runs).items():
        figures[_new_name("categories-" + re.sub(r"[^\w.-]+", "-", title), figures)] = partial(dots, panels, names)
    if not figures:
        raise UserError("there is nothing to draw: the runs hold no scored task")
    return draw_figures(figures, output)


def _new_name(name: str, taken: Collection[str]) -> str:
    """The name, with a number behind it if a title gave the same one before."""
    earlier = sum(one == name or one.startswith(f"{name}-no-") for one in taken)
    return f"{name}-no-{earlier + 1}" if earlier else name


def write_table_figures(tables: Sequence[Table], output: Path) -> list[Path]:
    """Draw the paper's tables, each as dots, as bars and, of three rows or more, as a radar; return the files.

    Raises UserError without matplotlib, and if no table has a score in percent.
    """
    _require_matplotlib()
    make_output_folder(output)
    figures: dict[str, Callable[[], Figure]] = {}
    beside_published = [table for table in tables if any(row.kind == "published" for row in table.rows)]
    models = list(dict.fromkeys(row.label for table in beside_published for row in table.rows if row.kind in MODELS))
    for table in beside_published:
        panel = table_panel(table, models)
        if not panel.rows:
            continue
        shown = {mark.run: mark.name for row in panel.rows for mark in row.marks}
        names = {run: shown[run] for run in sorted(shown)}
        figures[f"{table.key}-dots"] = partial(dots, [panel], names)
        figures[f"{table.key}-bars"] = partial(bars, panel, names)
        if len(panel.rows) >= MIN_AXES:
            figures[f"{table.key}-radar"] = partial(radar, panel, names)
    if not figures:
        raise UserError("there is nothing to draw: no benchmark that is shown is scored in percent")
    return draw_figures(figures, output)


def _require_matplotlib() -> None:
    try:
        import matplotlib as mpl  # noqa: F401 (whether it is there)
    except ImportError:
        raise UserError("figures need matplotlib: pip install 'emma-eval[report]'") from None


def draw_figures(figures: Mapping[str, Callable[[], Figure]], output: Path) -> list[Path]:
    """Draw figures, each into files of its name in all formats; return the files. matplotlib must be there."""
    import matplotlib as mpl

    with mpl.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a box stands for it; SVG keeps the text
        return [path for name, draw in figures.items() for path in _save(draw(), output / name)]


def _save(figure: Figure, stem: Path) -> list[Path]:
    paths = []
    for suffix, metadata in METADATA.items():
        path, content = stem.with_name(f"{stem.name}.{suffix}"), BytesIO()
        figure.savefig(content, format=suffix, metadata=metadata)
        write_atomic(path, content.getvalue())
        paths.append(path)
    return paths
