"""Which runs are comparable, on which samples, and with what result."""

import pytest

from emma_eval.analysis.compare import compare_runs, holm_over_tasks
from emma_eval.analysis.regression_gate import Tolerances, judge
from emma_eval.errors import UserError
from emma_eval.scorers import get_scorer
from tests.fakes import statistics_of_scores, task_statistics
from tests.scorer_samples import answers_to, questions


def test_the_second_run_is_held_against_the_first():
    (task,) = compare_runs([task_statistics({0, 1, 2, 3})], [task_statistics({3, 4})])
    assert task.primary.metric.name == "f1"
    assert ([f.first.id for f in task.won], [f.first.id for f in task.lost], task.ties) == (["0", "1", "2"], ["4"], 36)
    assert task.primary.difference > 0
    assert (task.samples, task.cluster_unit) == (40, "image")


@pytest.mark.parametrize("what", ["split", "protocol", "benchmark"])
def test_another_split_or_protocol_is_refused(what):
    first, second = task_statistics(), task_statistics(**{what: "other"})
    with pytest.raises(UserError, match=f"task pope: the {what} is .* and other in the second; --intersect"):
        compare_runs([first], [second])
    (task,) = compare_runs([first], [second], intersect=True)
    assert task.notes


def test_other_samples_are_refused_and_shared_ones_compared_on_request():
    first, second = task_statistics({0, 39}), task_statistics({1}, questions=30)
    with pytest.raises(UserError, match="40 in the first, 30 in the second, 30 in both"):
        compare_runs([first], [second])
    (task,) = compare_runs([first], [second], intersect=True)
    assert task.samples == 30
    assert task.primary.first == pytest.approx(task_statistics({0}, questions=30).primary.value)


def test_the_same_questions_with_another_truth_are_refused():
    with pytest.raises(UserError, match="expected answers differ"):
        compare_runs([task_statistics()], [task_statistics(reference_digest="u")])


def test_tasks_are_those_of_both_runs_or_those_named():
    first = [task_statistics(), task_statistics(task="gqa")]
    second = [task_statistics(task="seed"), task_statistics(task="gqa")]
    assert [one.task for one in compare_runs(first, second)] == ["gqa"]
    with pytest.raises(UserError, match="the second run has no scores of task 'pope'"):
        compare_runs(first, second, ["pope"])
    with pytest.raises(UserError, match="share no task"):
        compare_runs(first[:1], second)


def test_p_values_are_corrected_over_the_tasks():
    names = ("a", "b", "c")
    comparisons = compare_runs(
        [task_statistics(set(range(20)), task=n) for n in names], [task_statistics(task=n) for n in names]
    )
    assert holm_over_tasks(comparisons) == pytest.approx([3 * one.primary.p_value for one in comparisons])


def test_gqas_distribution_is_compared_and_gated_like_any_metric():
    samples = questions("gqa")
    given = answers_to(samples), answers_to(samples, seed=1)
    runs = [statistics_of_scores(get_scorer("gqa")(samples, answers), "gqa", "accuracy") for answers in given]
    (task,) = compare_runs(runs[:1], runs[1:])
    pair = next(pair for pair in task.metrics if pair.metric.name == "distribution")
    assert pair.interval[0] <= pair.difference <= pair.interval[1]
    gated = {verdict.metric: verdict.outcome for verdict in judge(runs[1:], runs[:1], Tolerances()).verdicts}
    assert gated["distribution"] in {"pass", "improved", "regressed"}


def test_gqas_distribution_cannot_be_computed_of_a_part_of_the_samples():
    samples = questions("gqa")
    parts = (get_scorer("gqa")(part, answers_to(part)) for part in (samples, samples[:40]))
    whole, part = (statistics_of_scores(scores, "gqa", "accuracy") for scores in parts)
    (task,) = compare_runs([whole], [part], intersect=True)
    assert {pair.metric.name for pair in task.metrics} >= {"accuracy", "validity"}
    assert "distribution" not in {pair.metric.name for pair in task.metrics}
