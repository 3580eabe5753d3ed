"""HallusionBench's three accuracies, with answers read by rule.

The official tool has GPT-4 judge each answer; here an answer is what VLMEvalKit reads in it: yes or no, whichever of
the two words stands in it alone.

Reads of a Sample: `answers` ("yes" or "no"), `category` (VD or VS), meta `subcategory`, `set_id`, `figure_id`,
`question_id`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from emma_eval.scorers.arithmetic import mean_percent
from emma_eval.scorers.common import (
    YES_OR_NO,
    averaged,
    by_group,
    percent_by,
    read_of,
    require_truth,
    score_each,
    unread_note,
)
from emma_eval.scorers.normalization import M4C, process_punctuation
from emma_eval.types import Answers, Metric, Sample, Scores


def read_answer(text: str) -> str:
    """`yes` or `no`, whichever stands in the text as a word and the other does not; else nothing."""
    words = process_punctuation(text.lower(), M4C).split()
    found = [word for word in ("yes", "no") if word in words]
    return found[0] if len(found) == 1 else ""


def hallusionbench(samples: Sequence[Sample], answers: Answers) -> Scores:
    """Accuracy in percent of questions (aAcc), of figures (fAcc) and of question pairs (qAcc), and by category.

    A figure counts when all its questions are right, a pair when its question is right with every figure. Questions of
    VS without a figure belong to none.
    """
    require_truth(samples, lambda _: YES_OR_NO)

    def read(sample: Sample, text: str) -> tuple[float, str]:
        read_as = read_answer(text)
        return float(read_as == sample.references[0]), read_as

    scored = score_each(samples, answers, read, _set_of)
    hits = [score.score for score in scored]
    metrics = [
        averaged("accuracy", hits, mean_percent),
        _all_right("figure_accuracy", samples, hits, _figure_of),
        _all_right("pair_accuracy", samples, hits, _question_of),
        *percent_by("category", (sample.category for sample in samples), hits),
        *percent_by("subcategory", (sample.meta["subcategory"] for sample in samples), hits),
    ]
    notes = unread_note(read_of(scored), YES_OR_NO, "neither yes nor no")
    return Scores(tuple(metrics), tuple(scored), notes, cluster_unit="set of figures")


def _all_right(
    name: str, samples: Sequence[Sample], hits: Sequence[float], group_of: Callable[[Sample], list[str]]
) -> Metric:
    groups = by_group(map(group_of, samples), hits).values()
    whole = [float(all(group.values)) for group in groups]
    return averaged(name, whole, mean_percent, places=[group.places[0] for group in groups])


def _set_of(sample: Sample) -> str:
    return f"{sample.category}_{sample.meta['subcategory']}_{sample.meta['set_id']}"


def _figure_of(sample: Sample) -> list[str]:
    no_figure = sample.category == "VS" and str(sample.meta["figure_id"]) == "0"
    return [] if no_figure else [f"{_set_of(sample)}_{sample.meta['figure_id']}"]


def _question_of(sample: Sample) -> list[str]:
    return [f"{_set_of(sample)}_{sample.meta['question_id']}"]
