"""The sign test against values computed elsewhere, and the choice of the constant answer."""

import pytest

from emma_eval.analysis.majority_baseline import majority_baseline, sign_test
from emma_eval.types import Answer, Answers, Sample, SampleScore, Scores

# scipy.stats.binomtest(better, better + worse, 0.5, alternative="greater").pvalue, scipy 1.17.1
SCIPY = [
    (0, 0, 1.0),
    (1, 0, 0.5),
    (5, 0, 0.03125),
    (0, 5, 1.0),
    (30, 3, 7.005874067544937e-07),
    (60, 40, 0.028443966820490444),
    (150, 100, 0.0009416504675380801),
    (700, 650, 0.09115517473350325),
]


@pytest.mark.parametrize(("better", "worse", "p_value"), SCIPY)
def test_sign_test_agrees_with_scipy(better, worse, p_value):
    assert sign_test(better, worse) == pytest.approx(p_value, rel=1e-12)


def exact(samples: list[Sample], answers: Answers) -> Scores:
    """Full credit for the gold answer, 0.6 for the second of two."""
    credit = [dict(zip(s.references, (1.0, 0.6), strict=False)) for s in samples]
    said = [answers.get((s.id, 0), Answer("")).text for s in samples]
    scored = [SampleScore(s.id, c.get(text, 0.0), text) for s, c, text in zip(samples, credit, said, strict=True)]
    return Scores((), tuple(scored))


def test_the_constant_that_earns_most_is_chosen_not_the_commonest_gold_answer():
    gold = [("cat", "pet"), ("cat", "pet"), ("dog", "pet"), ("cow", "pet"), ("hen", "pet")]
    samples = [Sample(str(i), "?", references=answers) for i, answers in enumerate(gold)]
    asked = {(s.id, 0): Answer("ignored") for s in samples}
    model = exact(samples, {(s.id, 0): Answer(s.references[0]) for s in samples[:4]})
    baseline = majority_baseline(exact, samples, asked, model)
    assert baseline is not None
    assert baseline.answer == "pet"
    assert baseline.credit == pytest.approx(0.6)
    assert (baseline.better, baseline.worse) == (4, 1)


def test_held_back_truth_has_no_baseline():
    samples = [Sample("1", "?")]
    assert majority_baseline(exact, samples, {("1", 0): Answer("")}, exact(samples, {})) is None
