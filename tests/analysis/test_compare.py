"""Which runs may be compared, on which samples, and what comes of it."""

import pytest

from emma_eval.analysis.compare import compare_runs, holm_over_tasks
from emma_eval.analysis.regression_gate import Tolerances, judge
from emma_eval.errors import UserError
from emma_eval.scorers import get_scorer
from tests.fakes import evidence, evidence_of
from tests.scorer_samples import answers_to, questions


def test_the_second_run_is_held_against_the_first():
    (task,) = compare_runs([evidence({0, 1, 2, 3})], [evidence({3, 4})])
    assert task.primary.metric.name == "f1"
    assert ([f.first.id for f in task.won], [f.first.id for f in task.lost], task.ties) == (["0", "1", "2"], ["4"], 36)
    assert task.primary.difference > 0
    assert (task.samples, task.resampled) == (40, "image")


@pytest.mark.parametrize("what", ["split", "protocol", "benchmark"])
def test_another_split_or_protocol_is_refused(what):
    first, second = evidence(), evidence(**{what: "other"})
    with pytest.raises(UserError, match=f"task pope: the {what} is .* and other in the second; --intersect"):
        compare_runs([first], [second])
    (task,) = compare_runs([first], [second], intersect=True)
    assert task.notes


def test_other_samples_are_refused_and_shared_ones_compared_on_request():
    first, second = evidence({0, 39}), evidence({1}, questions=30)
    with pytest.raises(UserError, match="40 in the first, 30 in the second, 30 in both"):
        compare_runs([first], [second])
    (task,) = compare_runs([first], [second], intersect=True)
    assert task.samples == 30
    assert task.primary.first == pytest.approx(evidence({0}, questions=30).primary.value)


def test_the_same_questions_with_another_truth_are_refused():
    with pytest.raises(UserError, match="expected answers differ"):
        compare_runs([evidence()], [evidence(reference_digest="u")])


def test_tasks_are_those_of_both_runs_or_those_named():
    first = [evidence(), evidence(task="gqa")]
    second = [evidence(task="seed"), evidence(task="gqa")]
    assert [one.task for one in compare_runs(first, second)] == ["gqa"]
    with pytest.raises(UserError, match="the second run has no scores of task 'pope'"):
        compare_runs(first, second, ["pope"])
    with pytest.raises(UserError, match="share no task"):
        compare_runs(first[:1], second)


def test_p_values_are_corrected_over_the_tasks():
    names = ("a", "b", "c")
    comparisons = compare_runs([evidence(set(range(20)), task=n) for n in names], [evidence(task=n) for n in names])
    assert holm_over_tasks(comparisons) == pytest.approx([3 * one.primary.p_value for one in comparisons])


def test_gqas_distribution_is_compared_and_gated_like_any_metric():
    samples = questions("gqa")
    given = answers_to(samples), answers_to(samples, seed=1)
    runs = [evidence_of(get_scorer("gqa")(samples, answers), "gqa", "accuracy") for answers in given]
    (task,) = compare_runs(runs[:1], runs[1:])
    pair = next(pair for pair in task.metrics if pair.metric.name == "distribution")
    assert pair.interval[0] <= pair.difference <= pair.interval[1]
    gated = {finding.metric: finding.verdict for finding in judge(runs[1:], runs[:1], Tolerances()).findings}
    assert gated["distribution"] in {"pass", "improved", "regressed"}


def test_gqas_distribution_cannot_be_told_of_a_part_of_the_samples():
    samples = questions("gqa")
    whole, part = (evidence_of(get_scorer("gqa")(s, answers_to(s)), "gqa", "accuracy") for s in (samples, samples[:40]))
    (task,) = compare_runs([whole], [part], intersect=True)
    assert {pair.metric.name for pair in task.metrics} >= {"accuracy", "validity"}
    assert "distribution" not in {pair.metric.name for pair in task.metrics}
