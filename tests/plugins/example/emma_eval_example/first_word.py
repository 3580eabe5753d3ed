"""A scorer: the answer's first word counts, the rest of it does not.

Reads of a Sample: `answers` (one text).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from emma_eval.types import Answers, Metric, Sample, SampleScore, Scores


def first_word(samples: Sequence[Sample], answers: Answers, *, case: Literal["kept", "ignored"] = "ignored") -> Scores:
    """Accuracy in percent; `case="kept"` tells Yes from yes."""
    scored = []
    for sample in samples:
        answer = answers.get((sample.id, 0))
        word = (answer.text.split() or [""])[0] if answer else ""
        same = word == sample.references[0] if case == "kept" else word.lower() == sample.references[0].lower()
        scored.append(SampleScore(sample.id, float(same), word, "answered" if answer else "missing"))
    accuracy = 100 * sum(one.score for one in scored) / len(scored)
    return Scores((Metric("accuracy", accuracy, len(scored), "percent"),), tuple(scored))
