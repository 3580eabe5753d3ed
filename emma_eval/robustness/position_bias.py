"""Position bias: how often each letter is chosen, beside how often it is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import pstdev

from emma_eval.robustness.meaning import AskedTask
from emma_eval.robustness.measures import share
from emma_eval.robustness.records import LetterShare, PositionBias, Share
from emma_eval.stats.bootstrap import intervals
from emma_eval.tasks.circular import circular_passes
from emma_eval.types import Metric, Ratio, Sample, SampleScore, Scores

Row = tuple[SampleScore, str, str]  # (whose cluster, the letter chosen, the right one)


def position_bias(runs: Mapping[str, AskedTask]) -> PositionBias | None:
    """Letters of all answers of the runs that give one; None where no sample has options.

    What is drawn for an interval is a sample's cluster, with all its passes in all the runs.
    """
    rows: list[Row] = []
    unread = 0
    for run in runs.values():
        for sample, score in zip(run.samples, run.scores, strict=True):
            letters = run.letters(sample, score) if sample.options else ()
            for (letter, choices), right in zip(letters, right_letters(sample, run.circular), strict=bool(letters)):
                unread += letter not in choices
                if letter in choices:
                    rows.append((score, letter, right))
    if not rows:
        return None
    names = sorted({letter for _, chosen, right in rows for letter in (chosen, right)})
    letters_found = tuple(_letter_share(name, rows) for name in names)
    recalls = [one.recall for one in letters_found if one.recall is not None]
    return PositionBias(
        orders=tuple(runs),
        answers=len(rows),
        unread=unread,
        same_option=_same_option(list(runs.values())),
        recall_deviation=pstdev(recalls) if len(recalls) > 1 else None,
        letters=letters_found,
    )


def _same_option(runs: Sequence[AskedTask]) -> Share | None:
    """Of the samples with several answers: those of which all choose one text."""
    texts: dict[str, list[str | None]] = {}
    for run in runs:
        for sample, score in zip(run.samples, run.scores, strict=True):
            if sample.options:
                texts.setdefault(sample.id, []).extend(run.chosen(sample, score))
    several = {sample_id: one for sample_id, one in texts.items() if len(one) > 1}
    if not several:
        return None
    same = [len(set(one)) == 1 and one[0] is not None for one in several.values()]
    scores = {score.id: score for score in runs[0].scores}
    return share(same, [scores[sample_id] for sample_id in several])


def right_letters(sample: Sample, circular: bool) -> list[str]:
    """The right letter of each pass."""
    return [letter for _, letter in circular_passes(sample)] if circular else [sample.references[0]]


def _letter_share(name: str, rows: Sequence[Row]) -> LetterShare:
    chosen = [float(letter == name) for _, letter, _ in rows]
    right = [float(letter == name) for _, _, letter in rows]
    difference = [a - b for a, b in zip(chosen, right, strict=True)]
    samples = tuple(
        SampleScore(str(index), 0.0, "", cluster=score.cluster or f"\x1f{score.id}")
        for index, (score, _, _) in enumerate(rows)
    )
    metrics = tuple(
        Metric("share", sum(column) / len(rows), len(rows), "fraction", ratios=(Ratio(column),), value_is_bounded=bound)
        for column, bound in ((chosen, True), (difference, False))
    )
    of_chosen, of_difference = (None if isinstance(one, str) else one for one in intervals(Scores(metrics, samples)))
    return LetterShare(
        letter=name,
        chosen=metrics[0].value,
        interval=of_chosen,
        right=sum(right) / len(rows),
        difference=metrics[1].value,
        difference_interval=of_difference,
        recall=sum(a * b for a, b in zip(chosen, right, strict=True)) / sum(right) if any(right) else None,
    )
