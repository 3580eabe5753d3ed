"""Where a number comes from, in words: the citation of a published one, and how a measured one was asked and scored."""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.reports.measured_value import MeasuredValue
from emma_eval.reports.published import ChosenScore, Published, PublishedScore
from emma_eval.reports.shipped_tasks import shipped_task
from emma_eval.results.scores import TaskScores
from emma_eval.tasks.wording import wording_families
from emma_eval.utils.text import pluralize

UNPROVEN = "that the questions are the benchmark's own is known by their number alone"


def cite(score: PublishedScore, published: Published, metric: str) -> str:
    """The source, the place in it, its own word for the split, its word for the metric if another, and its note."""
    named = f"; metric: {score.metric}" if score.metric != metric else ""
    note = f"; {score.note}" if score.note else ""
    return f"{published.sources[score.source]}, {score.where}; split: {score.split}{named}{note}"


def sources_of(chosen: ChosenScore, published: Published, metric: str) -> str:
    """The citation of a published score, and the values of other sources where they differ."""
    others = [f"{score.value:g} in {cite(score, published, metric)}" for score in chosen.disagreeing]
    elsewhere = f" [elsewhere {'; '.join(others)}]" if others else ""
    return cite(chosen.score, published, metric) + elsewhere


def published_record(model: str, score: PublishedScore, source: str, remarks: Sequence[str]) -> dict[str, object]:
    """What the CSV says of a published score beside its column."""
    return {
        "model": model,
        "kind": "published",
        "value": score.value,
        "unit": score.unit,
        "source": source,
        "remarks": " ".join(remarks),
    }


def doubts(score: PublishedScore, published: Published) -> list[str]:
    """The remarks on a published score."""
    return [f"{remark.item}: {remark.reason}" for remark in published.remarks_on(score)]


def provenance(value: MeasuredValue, *, name_run: bool = False) -> str:
    """Task, protocol and number of questions of a measured value, why it stands in its column, and its run if asked."""
    reason = f"set apart: {value.not_comparable}" if value.not_comparable else UNPROVEN
    fast = "; images resized by --fast-preprocess" if value.run.scores.model.fast_preprocess else ""
    task = value.task
    protocol = task.judge.label if task.judge else f"protocol {task.protocol}"
    asked = f"{protocol}{wording_remark(task)}, {sample_counts(task)}"
    run = f"; run {value.run.folder.resolve().name}" if name_run else ""
    return f"measured: task {task.name}, {asked}{fast}; {reason}{run}"


def wording_remark(task: TaskScores) -> str:
    """Whose wording the task was asked in, of several; and whether it is not its authors'."""
    if not task.wording:
        return ""
    shipped = shipped_task(task.name)
    families = wording_families(shipped, task.wording) if shipped else (task.wording,)
    own = "" if task.wording_is_published else " (chosen here, its authors published none)"
    return f", wording {' and '.join(families)}{own}"


def sample_counts(task: TaskScores) -> str:
    """'300 questions', with the failed and missing ones where there are any."""
    counts = task.counts
    wrong = [f"{n} {status}" for n, status in ((counts.failed, "failed"), (counts.missing, "missing")) if n]
    text = pluralize(counts.samples, "question") + (f" ({' and '.join(wrong)}, counted as wrong)" if wrong else "")
    return "; ".join([text, *(task.endings.remarks() if task.endings else ())])
