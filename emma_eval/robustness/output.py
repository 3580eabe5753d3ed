"""Writes the files of `robustness` into its folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emma_eval.reports.html.section_page import section_page
from emma_eval.reports.sections import Section, section_markdown
from emma_eval.robustness.calibration_plots import write_calibration_figures
from emma_eval.robustness.calibration_tables import calibration_csv
from emma_eval.robustness.changed_answers import changed_answers_csv
from emma_eval.robustness.running import Outcome
from emma_eval.robustness.tables import robustness_csv, robustness_sentence
from emma_eval.utils.files import write_atomic
from emma_eval.utils.records import to_json

NAME = "robustness"


def write_robustness(outcome: Outcome, sections: Sequence[Section], folder: Path) -> list[Path]:
    """JSON, CSV, Markdown, the page, the answers that changed; returns their paths. Figures where matplotlib is."""
    result = outcome.result
    title, lead = f"Robustness of {result.model}", [robustness_sentence(result)]
    contents = {
        ".json": to_json(result),
        ".csv": robustness_csv(result),
        ".md": section_markdown(title, lead, sections),
        ".html": section_page(title, lead, sections),
        "-answers.csv": changed_answers_csv(outcome.asked),
    }
    calibrations = {task.task: task.calibration for task in result.tasks if task.calibration}
    if calibrations:
        contents["-calibration.csv"] = calibration_csv(calibrations)
    paths = [folder / f"{NAME}{ending}" for ending in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        write_atomic(path, content)
    write_calibration_figures({task: one.numbers for task, one in calibrations.items()}, folder)
    return paths
