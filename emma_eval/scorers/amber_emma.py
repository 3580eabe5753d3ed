"""AMBER as EMMA's eval_amber.py counts it, errors included: to reproduce published numbers, not to measure a model.

The script indexes a list from 0 by question ids, which count from 1, so each question is compared with the reference of
the next record. Of the questions of one id only the first counts, and its score is added when the next id begins, so
the last id always scores 0. A question after the last record ends the script.

Published numbers come from running the script on the queries of each dimension: here the breakdown.

Reads of a Sample: meta `shifted_reference` (the next record's, None after the last), `record` (the id in the file), and
`category`, the dimension.
"""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.scorers.arithmetic import mean
from emma_eval.scorers.common import (
    YES_OR_NO,
    mean_metric,
    parsed_answers,
    require_references,
    score_samples,
    unparsed_note,
)
from emma_eval.types import Answers, Metric, Sample, SampleScore, Scores

DIMENSIONS = ("existence", "attribute", "relation")


def amber_emma(samples: Sequence[Sample], answers: Answers) -> Scores:
    """The accuracy (a fraction) that the script prints last, to 4 decimals: scores of all ids but the last, over ids.

    Overall (the file of all queries) and by dimension (the file of each).
    """
    require_references(samples)

    def grade(sample: Sample, text: str) -> tuple[float, str]:
        parsed, reference = text.strip().lower(), sample.meta["shifted_reference"]
        return float(reference is not None and parsed == reference.lower()), parsed

    sample_scores = score_samples(samples, answers, grade)
    note = (
        "EMMA's own count: each question is compared with the next record's reference, and the last id scores 0; "
        "it is no measure of hallucination"
    )
    indices_of = {
        part: [index for index, sample in enumerate(samples) if part in ("", sample.category)]
        for part in ("", *DIMENSIONS)
    }
    metrics = (_printed(samples, sample_scores, indices, part) for part, indices in indices_of.items() if indices)
    unparsed = unparsed_note(parsed_answers(sample_scores), YES_OR_NO, "neither yes nor no")
    return Scores(tuple(metrics), tuple(sample_scores), (note, *unparsed))


def _printed(
    samples: Sequence[Sample], sample_scores: Sequence[SampleScore], indices: Sequence[int], dimension: str
) -> Metric:
    """What the script prints for a file of the questions with these indices."""
    counted = _first_of_each_record(samples, indices)
    scores = [sample_scores[index].score for index in counted[:-1]] + [0.0] * bool(counted)
    group = "dimension" if dimension else ""
    return mean_metric("accuracy", scores, mean, "fraction", indices=counted, group=group, category=dimension)


def _first_of_each_record(samples: Sequence[Sample], indices: Sequence[int]) -> list[int]:
    """The index of each id's first question, up to the question that ends the script."""
    first: dict[int, int] = {}
    for index in indices:
        meta = samples[index].meta
        if meta["shifted_reference"] is None:
            break
        first.setdefault(meta["record"], index)
    return list(first.values())
