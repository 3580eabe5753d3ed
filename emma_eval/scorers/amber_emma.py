"""AMBER as EMMA's eval_amber.py counts it, flaws included: for tracing published numbers, not for measuring.

The script looks a question's truth up with its id, which counts from 1, in a list that counts from 0: every question is
held against the record after its own. Of the questions of one id only the first counts, and its hit is added when the
next id begins, so that the last id never hits. A question after the last record ends the run.

Reads of a Sample: meta `shifted_truth` (the next record's truth, None after the last), `record` (the id in the file).
"""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.scorers.arithmetic import mean
from emma_eval.scorers.common import averaged, require_truth, score_each
from emma_eval.types import Answers, Sample, Scores


def amber_emma(samples: Sequence[Sample], answers: Answers) -> Scores:
    """The accuracy (a fraction) that the script prints last, with 4 places: hits of all ids but the last, over ids."""
    require_truth(samples)
    places = _first_of_each_record(samples)

    def read(sample: Sample, text: str) -> tuple[float, str]:
        read_as, truth = text.strip().lower(), sample.meta["shifted_truth"]
        return float(truth is not None and read_as == truth.lower()), read_as

    scored = score_each(samples, answers, read)
    hits = [scored[place].value for place in places[:-1]] + [0.0] * bool(places)
    note = (
        "EMMA's own count: each question is held against the next record's truth, and the last id never hits; "
        "it is no measure of hallucination"
    )
    return Scores((averaged("accuracy", hits, mean, "fraction", places=places),), tuple(scored), (note,))


def _first_of_each_record(samples: Sequence[Sample]) -> list[int]:
    """Where each id is asked about first, up to the question that ends the run."""
    first: dict[int, int] = {}
    for place, sample in enumerate(samples):
        if sample.meta["shifted_truth"] is None:
            break
        first.setdefault(sample.meta["record"], place)
    return list(first.values())
