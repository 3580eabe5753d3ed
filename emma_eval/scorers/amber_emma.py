"""AMBER as EMMA's eval_amber.py counts it, flaws included: for tracing published numbers, not for measuring.

The script looks a question's truth up with its id, which counts from 1, in a list that counts from 0: every question is
held against the record after its own. Of the questions of one id only the first counts, and its hit is added when the
next id begins, so that the last id never hits. A question after the last record ends the run.

The script is run on the queries of each dimension by themselves, which the published numbers are of: the breakdown.

Reads of a Sample: meta `shifted_truth` (the next record's truth, None after the last), `record` (the id in the file),
and `category`, the dimension.
"""

from __future__ import annotations

from collections.abc import Sequence

from emma_eval.scorers.arithmetic import mean
from emma_eval.scorers.common import YES_OR_NO, averaged, read_of, require_truth, score_each, unread_note
from emma_eval.types import Answers, Metric, Sample, SampleScore, Scores

DIMENSIONS = ("existence", "attribute", "relation")


def amber_emma(samples: Sequence[Sample], answers: Answers) -> Scores:
    """The accuracy (a fraction) that the script prints last, with 4 places: hits of all ids but the last, over ids.

    Overall, as for the file of all queries, and by dimension, as for the file of each.
    """
    require_truth(samples)

    def read(sample: Sample, text: str) -> tuple[float, str]:
        read_as, truth = text.strip().lower(), sample.meta["shifted_truth"]
        return float(truth is not None and read_as == truth.lower()), read_as

    scored = score_each(samples, answers, read)
    note = (
        "EMMA's own count: each question is held against the next record's truth, and the last id never hits; "
        "it is no measure of hallucination"
    )
    asked = {
        part: [place for place, sample in enumerate(samples) if part in ("", sample.category)]
        for part in ("", *DIMENSIONS)
    }
    metrics = (_printed(samples, scored, places, part) for part, places in asked.items() if places)
    unread = unread_note(read_of(scored), YES_OR_NO, "neither yes nor no")
    return Scores(tuple(metrics), tuple(scored), (note, *unread))


def _printed(samples: Sequence[Sample], scored: Sequence[SampleScore], asked: Sequence[int], dimension: str) -> Metric:
    """What the script prints of the questions at these places: a run of its own."""
    places = _first_of_each_record(samples, asked)
    hits = [scored[place].score for place in places[:-1]] + [0.0] * bool(places)
    group = "dimension" if dimension else ""
    return averaged("accuracy", hits, mean, "fraction", places=places, group=group, category=dimension)


def _first_of_each_record(samples: Sequence[Sample], asked: Sequence[int]) -> list[int]:
    """Where each id is asked about first, up to the question that ends the run."""
    first: dict[int, int] = {}
    for place in asked:
        meta = samples[place].meta
        if meta["shifted_truth"] is None:
            break
        first.setdefault(meta["record"], place)
    return list(first.values())
