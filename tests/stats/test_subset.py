"""Scores restricted to some samples equal those that the scorer gives for them."""

import pytest

from emma_eval.scorers import get_scorer
from emma_eval.stats.subset import restrict_scores
from emma_eval.types import Answer
from tests.fakes import sample


def questions():
    references = ["yes", "no", "yes", "no", "yes", "no", "yes", "no"]
    return [sample(str(i), t, category=("random", "popular")[i % 4 // 2]) for i, t in enumerate(references)]


ANSWERS = {(str(i), 0): Answer(text) for i, text in enumerate(["yes", "yes", "no", "no", "yes", "no", "yes", "yes"])}


def key(metric):
    return metric.name, metric.group, metric.category


@pytest.mark.parametrize("ids", [["6", "3", "0", "1"], ["0", "1", "4", "5"]], ids=["both categories", "one category"])
def test_metrics_are_those_of_scoring_the_part(ids):
    by_id = {one.id: one for one in questions()}
    direct = get_scorer("pope")([by_id[i] for i in ids], ANSWERS)
    part = restrict_scores(get_scorer("pope")(questions(), ANSWERS), ids)
    assert [one.id for one in part.samples] == ids
    values = {key(metric): (metric.value, metric.n) for metric in direct.metrics if metric.unit != "count"}
    found = {key(metric): (metric.value, metric.n) for metric in part.metrics if metric.unit != "count"}
    assert found.keys() == values.keys()
    assert all(found[k] == pytest.approx(values[k]) for k in values)


def test_what_no_sample_is_left_for_is_left_out():
    scores = get_scorer("exact")([sample("1", "a", category="x"), sample("2", "a", category="y")], {})
    assert {metric.category for metric in restrict_scores(scores, ["2"]).metrics} == {"", "y"}
