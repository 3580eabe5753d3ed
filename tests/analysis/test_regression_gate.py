"""The gate's verdicts: on the right task, by its tolerances, and never silent about what is not comparable."""

from dataclasses import replace

import pytest

from emma_eval.analysis.regression_gate import TaskTolerance, Tolerances, judge, read_tolerances
from emma_eval.errors import UserError
from tests.fakes import task_statistics

BROKEN = set(range(0, 40, 2))


def verdicts(result):
    return {(verdict.task, verdict.metric): verdict.outcome for verdict in result.verdicts}


def test_the_task_that_got_worse_is_named():
    before = [task_statistics(), task_statistics(task="seed")]
    result = judge([task_statistics(BROKEN), task_statistics(task="seed")], before, Tolerances())
    assert result.failed
    assert verdicts(result)["pope", "recall"] == "regressed"
    assert {task for (task, _), verdict in verdicts(result).items() if verdict == "regressed"} == {"pope"}
    assert [flip.first.id for flip in result.lost["pope"]] == [str(i) for i in sorted(BROKEN)]


def test_better_is_no_failure():
    result = judge([task_statistics()], [task_statistics(BROKEN)], Tolerances())
    assert not result.failed
    assert verdicts(result)["pope", "f1"] == "improved"


def test_the_yes_ratio_is_neither_better_nor_worse():
    assert ("pope", "yes_ratio") not in verdicts(judge([task_statistics()], [task_statistics()], Tolerances()))


def test_tolerances_of_task_and_metric():
    wide = Tolerances(tasks={"pope": TaskTolerance(smallest_effect=100, metrics={"recall": 10})})
    found = verdicts(judge([task_statistics(BROKEN)], [task_statistics()], wide))
    assert (found["pope", "accuracy"], found["pope", "recall"]) == ("pass", "regressed")


def test_a_single_lost_answer_fails_only_where_no_test_is_asked_for():
    assert not judge([task_statistics({5})], [task_statistics()], Tolerances()).failed
    assert judge([task_statistics({5})], [task_statistics()], Tolerances(alpha=1)).failed


@pytest.mark.parametrize(("most", "verdict"), [(None, None), (1.0, "changed"), (10.0, "pass")])
def test_changed_answers_fail_where_they_are_looked_at_though_the_score_is_better(most, verdict):
    """Three of 40 answers are others, all of them right now."""
    found = judge([task_statistics()], [task_statistics({1, 5, 9})], Tolerances(changed=most))
    assert verdicts(found).get(("pope", "answers")) == verdict
    assert found.failed == (verdict == "changed")


def test_a_task_may_change_more_answers_than_others():
    lenient = Tolerances(changed=0, tasks={"pope": TaskTolerance(changed=50)})
    assert verdicts(judge([task_statistics()], [task_statistics({1})], lenient))["pope", "answers"] == "pass"


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        ([], "no scores of it"),
        ([task_statistics(questions=30)], "samples differ"),
        ([task_statistics(protocol="llava")], "protocol is official in the first and llava"),
    ],
)
def test_what_cannot_be_compared_fails(now, reason):
    result = judge(now, [task_statistics()], Tolerances())
    (verdict,) = result.verdicts
    assert (verdict.outcome, result.failed) == ("incomparable", True)
    assert reason in verdict.reason


def test_a_task_beyond_the_baseline_is_told_and_does_not_fail():
    result = judge([task_statistics(), task_statistics(task="new")], [task_statistics()], Tolerances())
    assert (result.new, result.failed) == (("new",), False)


def test_a_metric_beyond_the_baseline_is_told_and_does_not_fail():
    whole = task_statistics()
    known = tuple(metric for metric in whole.scores.metrics if metric.name != "recall")
    older = replace(whole, scores=replace(whole.scores, metrics=known))
    result = judge([whole], [older], Tolerances())
    assert (result.new, result.failed) == (("pope: recall",), False)


def test_tolerances_from_yaml(tmp_path):
    path = tmp_path / "tolerances.yaml"
    path.write_text("alpha: 0.01\ntasks:\n  pope: {smallest_effect: 2, metrics: {f1: 3}}\n")
    read = read_tolerances(path)
    assert (read.alpha, read.smallest_effect) == (0.01, 1.0)
    effects = [read.effect("pope", "recall"), read.effect("pope", "f1"), read.effect("gqa", "accuracy")]
    assert effects == [2, 3, 1]


@pytest.mark.parametrize("text", ["alpha: 2", "alpha: 0", "smallest_effect: -1", "tasks: {pope: {f1: 3}}", "beta: 1"])
def test_mistakes_in_tolerances_name_file_and_key(tmp_path, text):
    path = tmp_path / "tolerances.yaml"
    path.write_text(text)
    key = r"(unknown key |)(alpha|smallest_effect|tasks\.pope\.f1|beta)"
    with pytest.raises(UserError, match=rf"tolerances\.yaml: {key}"):
        read_tolerances(path)


def test_names_that_the_baseline_does_not_have():
    with pytest.raises(UserError, match=r"no task 'pop'.*pope"):
        judge([task_statistics()], [task_statistics()], Tolerances(), ["pop"])
    with pytest.raises(UserError, match=r"task pope has no metric 'f2'.*f1"):
        judge([task_statistics()], [task_statistics()], Tolerances(tasks={"pope": TaskTolerance(metrics={"f2": 1})}))
