"""VQA accuracy: VQAv2 and OK-VQA as GT-Vision-Lab's vqaEval.py computes it, TextVQA as LLaVA's m4c evaluator does.

An answer's credit is the average, over the ten annotators, of min(1, agreeing others / 3).

Reads of a Sample: `answers` (raw texts in file order), meta `answer_type`, `question_type`, and `answer_keys` where ids
do not tell the answers apart (one hashable an answer: all that its record holds besides the text). A question that
stands in the annotations twice is a Sample twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import cache
from typing import Literal

from emma_eval.scorers.arithmetic import mean, naive_sum, percent_mean
from emma_eval.scorers.common import averaged, image_of, percent_by, require_truth, score_each
from emma_eval.scorers.normalization import m4c, normalize, strip
from emma_eval.types import Answers, Sample, Scores


def vqa(samples: Sequence[Sample], answers: Answers, *, processor: Literal["none", "llava"] = "none") -> Scores:
    """Official VQA accuracy in percent: overall, by answer type, by question type.

    `processor="llava"` passes each answer through LLaVA's processor first, as its submission script does.
    """
    require_truth(samples)
    rows = _official_rows(samples)
    process = cache(m4c) if processor == "llava" else str
    normalized, stripped = cache(normalize), cache(strip)

    def read(truth: Sample, text: str) -> tuple[float, str]:
        read_as, truths = comparable(process(text), truth.references, normalized, stripped)
        return consensus(read_as, truths, truth.meta.get("answer_keys")), read_as

    scored = score_each(rows, answers, read, image_of)
    values = [score.score for score in scored]
    metrics = [averaged("accuracy", values, percent_mean)]
    for group in ("answer_type", "question_type"):
        metrics += percent_by(group, (truth.meta[group] for truth in rows), values, percent_mean)
    return Scores(tuple(metrics), tuple(scored), cluster_unit="image")


def comparable(
    prediction: str, truths: Sequence[str], normalized: Callable[[str], str], stripped: Callable[[str], str]
) -> tuple[str, list[str]]:
    """Prediction and truths as they are compared. Where all truths agree, NOTHING is normalised, the prediction too."""
    plain = list(map(stripped, truths))
    if plain.count(plain[0]) == len(plain):
        return stripped(prediction), plain
    return normalized(prediction), list(map(normalized, truths))


def consensus(prediction: str, truths: Sequence[str], keys: Sequence[Hashable] | None = None) -> float:
    """The credit in [0, 1] of a prediction against its truths, both ready to be compared.

    The official tool finds "the other answers" by inequality of records, so that records which `keys` do not tell apart
    remove each other.
    """
    matches = truths.count(prediction)
    if matches == 0:
        return 0.0
    if keys is None:
        if matches > 3:
            return 1.0
        others = [matches - 1 if truth == prediction else matches for truth in truths]
    else:
        records = list(zip(truths, keys, strict=True))
        alike = Counter(records)
        others = [matches - alike[record] if record[0] == prediction else matches for record in records]
    return naive_sum(min(1, other / 3) for other in others) / len(truths)


def _official_rows(samples: Sequence[Sample]) -> Sequence[Sample]:
    """For each sample, the sample whose truth the official tool uses there.

    Its index keeps the last annotation of a question id, but visits the id once per row, and normalises the
    truths in place at each visit: the second visit finds the first one's result.
    """
    last = {sample.id: sample for sample in samples}
    if len(last) == len(samples):
        return samples
    rows = []
    for sample in samples:
        truth = last[sample.id]
        rows.append(truth)
        _, normalized_truths = comparable("", truth.references, normalize, strip)
        last[sample.id] = replace(truth, references=tuple(normalized_truths))
    return rows


def vqa_m4c(samples: Sequence[Sample], answers: Answers) -> Scores:
    """TextVQA accuracy (a fraction) of LLaVA's m4c evaluator: answers and truths all go through its processor."""
    require_truth(samples)
    process = cache(m4c)

    def read(sample: Sample, text: str) -> tuple[float, str]:
        read_as = process(text)
        return consensus(read_as, list(map(process, sample.references))), read_as

    scored = score_each(samples, answers, read, image_of)
    values = [score.score for score in scored]
    return Scores((averaged("accuracy", values, mean, "fraction"),), tuple(scored), cluster_unit="image")
