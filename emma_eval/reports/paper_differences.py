"""A measured value minus the same model's published one, and what of the two is not the same or not known to be."""

from __future__ import annotations

from dataclasses import dataclass

from emma_eval.reports.column_assignment import other_release, strict_matches
from emma_eval.reports.measured_value import ColumnKey, MeasuredValue, key_of
from emma_eval.reports.published import ChosenScore, PaperColumn, PaperRow, Published, PublishedScore
from emma_eval.reports.tables import as_percent, format_value

NOT_STATED = "not stated"


@dataclass(frozen=True, slots=True)
class Difference:
    """Measured minus published, in percent or points; `reasons` why they are not known to be like for like."""

    value: float
    reasons: tuple[str, ...]
    like_for_like: str = ""  # the model's published value on the measured split, if that is another one

    def note(self, row: PaperRow, published: float) -> str:
        """The reasons in one sentence; empty without any."""
        parts = [*self.reasons, *filter(None, [self.like_for_like])]
        return f"{row.name}'s {published:g}: {'; '.join(parts)}" if self.reasons else ""


def signed(value: float) -> str:
    """`+0.3`, `-1.2`, `0.0`."""
    text = format_value(value, "percent")
    return f"+{text}" if float(text) > 0 else text


def difference(
    value: MeasuredValue, chosen: ChosenScore, row: PaperRow, column: PaperColumn, published: Published
) -> Difference:
    """The difference to the value that stands in the row of the paper's table."""
    measured = as_percent(value.metric.value, value.metric.unit)
    strict = {match.column for match in strict_matches(value.task, published) if match.metric is value.metric}
    scores = [chosen.score, *_of_model(row, column, published)]
    same = [score for score in scores if _stands_in(score, strict, published)]
    reasons = _size(chosen, row)
    like = ""
    if not any(score.value == chosen.score.value for score in same):
        known = _most_known([score for score in scores if score.value == chosen.score.value], published)
        reasons += _reasons(value, known, column, published) or ["that both are of one split and metric is not known"]
        if same and same[0].model == row.id:
            other = same[0]
            like = (
                f"on {value.task.split}, {published.sources[other.source]} has {other.value:g}, "
                f"from which the measured value differs by {signed(measured - other.value)}"
            )
    return Difference(measured - chosen.score.value, tuple(reasons), like)


def _of_model(row: PaperRow, column: PaperColumn, published: Published) -> list[PublishedScore]:
    """The row's scores of the benchmark, in the order of `reported_by_values`."""
    columns = published.taken_by(column)
    found = [score for score in published.scores if score.model == row.id and any(one.holds(score) for one in columns)]
    return sorted(found, key=lambda score: published.reported_by_values.index(score.reported_by))


def _stands_in(score: PublishedScore, strict: set[ColumnKey], published: Published) -> bool:
    column = published.column_of(score)
    return column is not None and key_of(column) in strict


def _most_known(scores: list[PublishedScore], published: Published) -> PublishedScore:
    """The first of these scores of one value whose source states a split, else the first."""
    stated = (score for score in scores if _split(score, published) != NOT_STATED)
    return next(stated, scores[0])


def _split(score: PublishedScore, published: Published) -> str:
    column = published.column_of(score)
    return column.split if column else score.split


def _size(chosen: ChosenScore, row: PaperRow) -> list[str]:
    return ["the source does not state the model's size"] if chosen.score.model != row.id else []


def _reasons(value: MeasuredValue, score: PublishedScore, column: PaperColumn, published: Published) -> list[str]:
    """Split, metric, protocol and number of questions, where published and measured value differ or may do so."""
    task = value.task
    split, reasons = _split(score, published), []
    if split == NOT_STATED:
        note = f" ({score.note})" if score.note else ""
        reasons.append(f"the source states no split{note}, measured on {task.split}")
    elif split not in (task.split, value.metric.category):
        reasons.append(f"published on {score.split}, measured on {task.split}")
    of = published.column_of(score)
    if of and of.metric != column.metric:
        said = "states no metric" if of.metric == NOT_STATED else f"calls the metric {score.metric}"
        reasons.append(f"the source {said}, measured is {column.metric}")
    if task.protocol != "official":
        reasons.append(f"measured by the protocol {task.protocol}, published by one that is not known to be the same")
    if release := other_release(task, published):
        reasons.append(f"measured {release}")
    return reasons
