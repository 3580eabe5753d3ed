"""Every metric of every shipped task comes with a 95% interval, or with a word why not."""

import shutil

import pytest

from emma_eval.errors import UserError
from emma_eval.registry import entries
from emma_eval.results.scores import MetricRecord
from emma_eval.scorers import get_scorer, require_ready
from emma_eval.tasks.index import task_names
from emma_eval.tasks.loading import load_task
from emma_eval.types import Answer
from tests.scorer_samples import NEEDS, WAYS, answers_to, questions


def records(scorer, options, samples, answers):
    if scorer in NEEDS:
        pytest.importorskip(NEEDS[scorer])
    if scorer == "captions" and shutil.which("java") is None:
        pytest.skip("the tokenizer is a Java program")
    return MetricRecord.all_of(get_scorer(scorer, **dict(options))(samples, answers))


def test_the_shipped_tasks_use_every_shipped_scorer():
    of_other_tools = {"lmms"}  # which scores tasks that have no file here
    assert {scorer for scorer, _ in WAYS} == entries("scorers").keys() - of_other_tools


def test_every_protocols_primary_metric_is_given_by_its_scorer():
    tasks = map(load_task, task_names())
    primary = {(one.scorer, task.primary_metric(name)) for task in tasks for name, one in task.protocols.items()}
    for scorer, metric in primary:
        if scorer not in {*NEEDS, "judged"}:
            require_ready(scorer, {}, questions(scorer, 1), metric)


@pytest.mark.parametrize(("scorer", "options"), WAYS)
def test_ordinary_answers_leave_no_metric_without_interval(scorer, options):
    samples = questions(scorer)
    if scorer == "judged":
        with pytest.raises(UserError, match="a judge model can"):
            records(scorer, options, samples, {})
        return
    found = records(scorer, options, samples, answers_to(samples))
    assert [metric for metric in found if metric.interval is None] == []


@pytest.mark.parametrize(("few", "answered"), [(1, "in any way"), (2, "not at all"), (5, "all alike")])
@pytest.mark.parametrize(("scorer", "options"), [way for way in WAYS if way[0] != "judged"])
def test_where_there_is_no_interval_a_word_says_why(scorer, options, few, answered):
    samples = questions(scorer, few)
    ways = {
        "in any way": answers_to(samples),
        "all alike": {(one.id, 0): Answer(samples[0].references[0]) for one in samples},
        "not at all": {},
    }
    for metric in records(scorer, options, samples, ways[answered]):
        assert (metric.interval is None) == bool(metric.no_interval), metric
        assert metric.interval is None or metric.interval.low < metric.interval.high, metric
