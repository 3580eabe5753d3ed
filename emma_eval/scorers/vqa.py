"""VQA accuracy: VQAv2 and OK-VQA as GT-Vision-Lab's vqaEval.py computes it, TextVQA as LLaVA's m4c evaluator does.

An answer's score is the mean, over the ten annotators, of min(1, number of other annotators who agree / 3).

Reads of a Sample: `references` (raw texts in file order), meta `answer_type`, `question_type`, and `answer_keys` if ids
do not distinguish the annotators (one hashable each: all that the record holds besides the text). A question that
occurs twice in the annotations is two Samples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import cache
from typing import Literal

from emma_eval.scorers.arithmetic import mean, naive_sum, percent_mean
from emma_eval.scorers.common import accuracy_by, image_of, mean_metric, require_references, score_samples
from emma_eval.scorers.normalization import m4c, normalize, strip
from emma_eval.types import Answers, Sample, Scores


def vqa(samples: Sequence[Sample], answers: Answers, *, processor: Literal["none", "llava"] = "none") -> Scores:
    """Official VQA accuracy in percent: overall, by answer type, by question type.

    `processor="llava"` passes each answer through LLaVA's processor first, as its submission script does.
    """
    require_references(samples)
    annotated = _official_annotations(samples)
    process = cache(m4c) if processor == "llava" else str
    normalized, stripped = cache(normalize), cache(strip)

    def grade(sample: Sample, text: str) -> tuple[float, str]:
        parsed, references = comparable(process(text), sample.references, normalized, stripped)
        return consensus(parsed, references, sample.meta.get("answer_keys")), parsed

    sample_scores = score_samples(annotated, answers, grade, image_of)
    values = [score.score for score in sample_scores]
    metrics = [mean_metric("accuracy", values, percent_mean)]
    for group in ("answer_type", "question_type"):
        metrics += accuracy_by(group, (sample.meta[group] for sample in annotated), values, percent_mean)
    return Scores(tuple(metrics), tuple(sample_scores), cluster_unit="image")


def comparable(
    prediction: str, references: Sequence[str], normalized: Callable[[str], str], stripped: Callable[[str], str]
) -> tuple[str, list[str]]:
    """Prediction and references as they are compared. If all references agree, neither is normalised."""
    plain = list(map(stripped, references))
    if plain.count(plain[0]) == len(plain):
        return stripped(prediction), plain
    return normalized(prediction), list(map(normalized, references))


def consensus(prediction: str, references: Sequence[str], keys: Sequence[Hashable] | None = None) -> float:
    """The score in [0, 1] of a prediction; both it and the references are as `comparable` returns them.

    The official tool finds an annotator's "other answers" by inequality of records, so records that `keys` do not
    distinguish remove each other.
    """
    matches = references.count(prediction)
    if matches == 0:
        return 0.0
    if keys is None:
        if matches > 3:
            return 1.0
        others = [matches - 1 if reference == prediction else matches for reference in references]
    else:
        records = list(zip(references, keys, strict=True))
        alike = Counter(records)
        others = [matches - alike[record] if record[0] == prediction else matches for record in records]
    return naive_sum(min(1, other / 3) for other in others) / len(references)


def _official_annotations(samples: Sequence[Sample]) -> Sequence[Sample]:
    """For each sample, the sample whose references the official tool uses there.

    Its index keeps the last annotation of a question id, but it visits the id once a row and normalises the references
    in place each time: the second visit finds the result of the first.
    """
    last = {sample.id: sample for sample in samples}
    if len(last) == len(samples):
        return samples
    annotated = []
    for sample in samples:
        latest = last[sample.id]
        annotated.append(latest)
        _, normalized = comparable("", latest.references, normalize, strip)
        last[sample.id] = replace(latest, references=tuple(normalized))
    return annotated


def vqa_m4c(samples: Sequence[Sample], answers: Answers) -> Scores:
    """TextVQA accuracy (a fraction) of LLaVA's m4c evaluator: answers and references all go through its processor."""
    require_references(samples)
    process = cache(m4c)

    def grade(sample: Sample, text: str) -> tuple[float, str]:
        parsed = process(text)
        return consensus(parsed, list(map(process, sample.references))), parsed

    sample_scores = score_samples(samples, answers, grade, image_of)
    values = [score.score for score in sample_scores]
    return Scores((mean_metric("accuracy", values, mean, "fraction"),), tuple(sample_scores), cluster_unit="image")
