"""VizWiz accuracy and answerability, as the VizWiz API's evaluation computes them.

The truth is never normalised, the prediction always. The other annotators are told apart by their place, so that equal
answers count one by one.

Reads of a Sample: `answers` (raw texts), `category` (answer type), and meta `answerable` (0 or 1) where it is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Literal

from emma_eval.scorers.arithmetic import percent_mean, ratio
from emma_eval.scorers.common import averaged, image_of, percent_by, require_truth, score_each
from emma_eval.scorers.normalization import VIZWIZ, m4c, normalize
from emma_eval.scorers.vqa import consensus
from emma_eval.scorers.yes_no import Confusion, confusion_ratios
from emma_eval.types import Answers, Metric, Sample, SampleScore, Scores

UNANSWERABLE = "unanswerable"


def vizwiz(samples: Sequence[Sample], answers: Answers, *, processor: Literal["none", "llava"] = "none") -> Scores:
    """Accuracy in percent, overall and by answer type; average precision and F1 of saying `unanswerable`.

    `processor="llava"` passes each answer through LLaVA's processor first, as its submission script does.
    """
    require_truth(samples)
    process = cache(m4c) if processor == "llava" else str
    normalized = cache(partial(normalize, dialect=VIZWIZ))

    def read(sample: Sample, text: str) -> tuple[float, str]:
        read_as = normalized(process(text))
        return consensus(read_as, sample.references), read_as

    scored = score_each(samples, answers, read, image_of)
    values = [score.score for score in scored]
    metrics = [
        averaged("accuracy", values, percent_mean),
        *_answerability(samples, scored),
        *percent_by("answer_type", (sample.category for sample in samples), values, percent_mean),
    ]
    return Scores(tuple(metrics), tuple(scored), cluster_unit="image")


def _answerability(samples: Sequence[Sample], scored: Sequence[SampleScore]) -> list[Metric]:
    """How well the word `unanswerable` finds the questions that are.

    Average precision as scikit-learn's of a score that is 0 or 1: two thresholds, so two steps of recall.
    """
    if not all("answerable" in sample.meta for sample in samples):
        return []
    pairs = [
        (score.parsed_answer == UNANSWERABLE, not sample.meta["answerable"])
        for sample, score in zip(samples, scored, strict=True)
    ]
    confusion, ratios = Confusion.count(pairs), confusion_ratios(pairs)
    positives = confusion.tp + confusion.fn
    f1 = ratio(2 * confusion.tp, positives + confusion.tp + confusion.fp)
    rest = (confusion.recall - 1) * ratio(positives, confusion.n)
    average_precision = -(rest - confusion.recall * confusion.precision)
    steps = (ratios["recall"], ratios["precision"], ratios["fn"])
    return [
        Metric(
            "unanswerable_average_precision",
            100 * average_precision,
            confusion.n,
            "percent",
            ratios=steps,
            scale=100,
            aggregate="average_precision",
        ),
        Metric("unanswerable_f1", 100 * f1, confusion.n, "percent", ratios=(ratios["f1"],), scale=100),
    ]
