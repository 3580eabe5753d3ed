"""The majority answer: what a model that never looks would score, and whether ours beats it by more than chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import comb
from statistics import fmean

from emma_eval.results.scores import BaselineRecord
from emma_eval.types import Answer, Answers, Sample, Scorer, Scores

MAX_CANDIDATES = 30  # the most frequent gold answers; one beyond these cannot be the best constant in practice


def majority_baseline(
    scorer: Scorer, samples: Sequence[Sample], asked: Answers, model_scores: Scores
) -> BaselineRecord | None:
    """Score every frequent gold answer as if it were given to all questions, and compare the model with the best.

    `asked` holds every (sample, round) with its prompt; its texts are ignored. The scorer is the task's own, so that
    circular passes, number words and yes/no parsing count as they do for the model. None where the truth is held back.
    """
    gold = Counter(answer for sample in samples for answer in sample.references)
    if not gold:
        return None
    model = [sample.score for sample in model_scores.samples]
    best: tuple[float, str, list[float]] | None = None
    for candidate, _ in sorted(gold.items(), key=lambda item: (-item[1], item[0]))[:MAX_CANDIDATES]:
        constant = {key: Answer(candidate, answer.prompt) for key, answer in asked.items()}
        earned = [sample.score for sample in scorer(samples, constant).samples]
        mean = fmean(earned)
        if best is None or mean > best[0]:
            best = (mean, candidate, earned)
    assert best is not None
    mean, candidate, earned = best
    better = sum(ours > theirs for ours, theirs in zip(model, earned, strict=True))
    worse = sum(ours < theirs for ours, theirs in zip(model, earned, strict=True))
    return BaselineRecord(answer=candidate, credit=mean, better=better, worse=worse, p_value=sign_test(better, worse))


def sign_test(better: int, worse: int) -> float:
    """P(at least `better` heads in `better + worse` fair coins): the exact one-sided sign test, ties left out.

    For credits of 0 and 1 it is McNemar's exact test. Integers throughout, so the quotient is correctly rounded.
    """
    n = better + worse
    favourable = sum(comb(n, k) for k in range(better, n + 1))
    return favourable / (1 << n)
