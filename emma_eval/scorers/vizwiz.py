"""VizWiz accuracy and answerability, as the VizWiz API's evaluation computes them.

References are never normalised, the prediction always is. The other annotators are identified by their index, so equal
answers count one by one.

Reads of a Sample: `references` (raw texts), `category` (answer type), and meta `answerable` (0 or 1) where it is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Literal

from emma_eval.scorers.arithmetic import percent_mean, ratio
from emma_eval.scorers.common import accuracy_by, image_of, mean_metric, require_references, score_samples
from emma_eval.scorers.normalization import VIZWIZ, m4c, normalize
from emma_eval.scorers.vqa import consensus
from emma_eval.scorers.yes_no import Confusion, confusion_ratios
from emma_eval.types import Answers, Metric, Sample, SampleScore, Scores

UNANSWERABLE = "unanswerable"


def vizwiz(samples: Sequence[Sample], answers: Answers, *, processor: Literal["none", "llava"] = "none") -> Scores:
    """Accuracy in percent, overall and by answer type; average precision and F1 of saying `unanswerable`.

    `processor="llava"` passes each answer through LLaVA's processor first, as its submission script does.
    """
    require_references(samples)
    process = cache(m4c) if processor == "llava" else str
    normalized = cache(partial(normalize, dialect=VIZWIZ))

    def grade(sample: Sample, text: str) -> tuple[float, str]:
        parsed = normalized(process(text))
        return consensus(parsed, sample.references), parsed

    sample_scores = score_samples(samples, answers, grade, image_of)
    values = [score.score for score in sample_scores]
    metrics = [
        mean_metric("accuracy", values, percent_mean),
        *_answerability(samples, sample_scores),
        *accuracy_by("answer_type", (sample.category for sample in samples), values, percent_mean),
    ]
    return Scores(tuple(metrics), tuple(sample_scores), cluster_unit="image")


def _answerability(samples: Sequence[Sample], sample_scores: Sequence[SampleScore]) -> list[Metric]:
    """Average precision and F1 of the prediction `unanswerable`.

    Average precision is scikit-learn's for a score of 0 or 1: two thresholds, so two steps of recall.
    """
    if not all("answerable" in sample.meta for sample in samples):
        return []
    pairs = [
        (score.parsed_answer == UNANSWERABLE, not sample.meta["answerable"])
        for sample, score in zip(samples, sample_scores, strict=True)
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
