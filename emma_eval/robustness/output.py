"""Writes the files of `robustness` into its folder."""

from __future__ import annotations

from pathlib import Path

from emma_eval.reports.markdown import escape_markdown
from emma_eval.robustness.records import Robustness
from emma_eval.robustness.sections import Section, section_markdown
from emma_eval.robustness.tables import robustness_csv, robustness_sentence
from emma_eval.utils.files import write_atomic
from emma_eval.utils.records import to_json

NAME = "robustness"


def write_robustness(result: Robustness, sections: list[Section], folder: Path) -> list[Path]:
    """JSON, CSV and Markdown; returns the paths."""
    sentence = escape_markdown(robustness_sentence(result))
    markdown = f"# Robustness of {escape_markdown(result.model)}\n\n{sentence}\n\n{section_markdown(sections)}"
    contents = {"json": to_json(result), "csv": robustness_csv(result), "md": markdown}
    paths = [folder / f"{NAME}.{ending}" for ending in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        write_atomic(path, content)
    return paths
