"""The choice of the constant answer, and the comparison with it."""

import pytest

from emma_eval.analysis.majority_baseline import majority_baseline
from emma_eval.types import Answer, Answers, Sample, SampleScore, Scores


def exact(samples: list[Sample], answers: Answers) -> Scores:
    """1 for the first reference, 0.6 for the second of two."""
    by_reference = [dict(zip(s.references, (1.0, 0.6), strict=False)) for s in samples]
    said = [answers.get((s.id, 0), Answer("")).text for s in samples]
    scored = [SampleScore(s.id, c.get(text, 0.0), text) for s, c, text in zip(samples, by_reference, said, strict=True)]
    return Scores((), tuple(scored))


def test_the_constant_that_earns_most_is_chosen_not_the_commonest_reference():
    references = [("cat", "pet"), ("cat", "pet"), ("dog", "pet"), ("cow", "pet"), ("hen", "pet")]
    samples = [Sample(str(i), "?", references=own) for i, own in enumerate(references)]
    prompts = {(s.id, 0): Answer("ignored") for s in samples}
    model = exact(samples, {(s.id, 0): Answer(s.references[0]) for s in samples[:4]})
    baseline = majority_baseline(exact, samples, prompts, model)
    assert baseline is not None
    assert baseline.answer == "pet"
    assert baseline.mean_score == pytest.approx(0.6)
    assert (baseline.better, baseline.worse) == (4, 1)


def test_without_references_there_is_no_baseline():
    samples = [Sample("1", "?")]
    assert majority_baseline(exact, samples, {("1", 0): Answer("")}, exact(samples, {})) is None
