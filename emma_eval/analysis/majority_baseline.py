"""The best constant answer: what a model scores without looking, and whether ours is significantly better."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import fmean

from emma_eval.results.scores import BaselineRecord
from emma_eval.stats.exact_tests import sign_test
from emma_eval.types import Answer, Answers, Sample, Scorer, Scores

MAX_CANDIDATES = 30  # the most frequent references; a rarer one cannot be the best constant in practice


def majority_baseline(
    scorer: Scorer, samples: Sequence[Sample], prompts: Answers, model_scores: Scores
) -> BaselineRecord | None:
    """Give each frequent reference as the answer to every question, and compare the model with the best of them.

    `prompts` holds every (sample id, pass index) with its prompt; its texts are ignored. The scorer is the task's own,
    so circular passes, number words and yes/no parsing count as they do for the model. None without references.
    """
    frequency = Counter(reference for sample in samples for reference in sample.references)
    if not frequency:
        return None
    model = [sample.score for sample in model_scores.samples]
    best: tuple[float, str, list[float]] | None = None
    for candidate, _ in sorted(frequency.items(), key=lambda item: (-item[1], item[0]))[:MAX_CANDIDATES]:
        constant = {key: Answer(candidate, answer.prompt) for key, answer in prompts.items()}
        scores = [sample.score for sample in scorer(samples, constant).samples]
        mean = fmean(scores)
        if best is None or mean > best[0]:
            best = (mean, candidate, scores)
    assert best is not None
    mean, candidate, scores = best
    better = sum(ours > theirs for ours, theirs in zip(model, scores, strict=True))
    worse = sum(ours < theirs for ours, theirs in zip(model, scores, strict=True))
    p_value = sign_test(better, worse)
    return BaselineRecord(answer=candidate, mean_score=mean, better=better, worse=worse, p_value=p_value)
