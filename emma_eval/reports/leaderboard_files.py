"""Writes the leaderboard's files: Markdown (with the failed samples), LaTeX and CSV."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emma_eval.reports.latex import Notes, latex
from emma_eval.reports.leaderboard import EVERYTHING, Leaderboard
from emma_eval.reports.markdown import escape_markdown, markdown
from emma_eval.reports.render import csv
from emma_eval.reports.view import View
from emma_eval.results.run_labels import labels
from emma_eval.results.scores import ScoredRun
from emma_eval.utils.files import make_output_folder, write_atomic

MAX_LISTED = 20  # failed samples listed for a task; scores.json has all


def write_leaderboard(
    folder: Path, leaderboard: Leaderboard, view: View = EVERYTHING, latex_notes: Notes = "list"
) -> list[Path]:
    """Write `leaderboard.md`, `.csv` and `.tex` and return their paths. Raises UserError if the folder takes none."""
    tables = leaderboard.tables(view)
    make_output_folder(folder)
    contents = {
        "md": markdown(tables) + failures(leaderboard.runs),
        "csv": csv(tables),
        "tex": latex(tables, latex_notes),
    }
    paths = []
    for suffix, text in contents.items():
        path = folder / f"leaderboard.{suffix}"
        write_atomic(path, text)
        paths.append(path)
    return paths


def failures(runs: Sequence[ScoredRun]) -> str:
    """A Markdown section that lists the failed samples with their reasons; empty without any."""
    lines = []
    for run, label in zip(runs, labels([run.label_parts for run in runs]), strict=True):
        for task in run.scores.tasks:
            if not task.failed:
                continue
            heading = f"{label}, {task.name}: {len(task.failed)} failed, counted as wrong"
            lines += ["", f"### {escape_markdown(heading)}", ""]
            for sample in task.failed[:MAX_LISTED]:
                pass_name = f", pass {sample.pass_index}" if sample.pass_index else ""
                lines.append(f"- {escape_markdown(f'{sample.id}{pass_name}: {sample.reason}')}")
            if len(task.failed) > MAX_LISTED:
                lines.append(f"- and {len(task.failed) - MAX_LISTED} more, listed in scores.json")
    return "\n".join(["", "## Failed samples", *lines, ""]) if lines else ""
