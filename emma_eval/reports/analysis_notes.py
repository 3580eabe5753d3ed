"""An analysis for readers: what was found, what was analyzed, and what was not."""

from __future__ import annotations

from collections.abc import Iterator

from emma_eval.results.model_analysis import AnalysisRecord
from emma_eval.utils.terminal import paragraph


def analysis_lines(record: AnalysisRecord, width: int) -> list[str]:
    """What was found, in lines of at most `width` characters."""
    lines: list[str] = []
    for section in record.sections:
        lines += [section.title]
        for sentence in section.sentences:
            lines += paragraph(sentence, width, "  ", "  ")
        lines.append("")
    for note in analysis_notes(record):
        lines += paragraph(note, width)
    return lines


def analysis_notes(record: AnalysisRecord) -> Iterator[str]:
    """What was analyzed, and what was not."""
    counts = ", ".join(f"{task.task} {task.analyzed:,} of {task.samples:,}" for task in record.tasks)
    yield f"samples analyzed: {counts}"
    for task in record.tasks:
        if task.left_out:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in task.left_out.items())
            yield f"not analyzed of {task.task}: {reasons}"
    if record.left_out:
        reasons = ", ".join(dict.fromkeys(record.left_out.values()))
        yield f"not shown: {', '.join(record.left_out)} ({reasons})"
    if not record.has_figures:
        yield "no figures: they need matplotlib, pip install 'emma-eval[report]'"
