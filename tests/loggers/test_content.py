"""Throughput of several sessions, and which samples are chosen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emma_eval.loggers.content import throughput
from emma_eval.loggers.samples import choose
from emma_eval.results.manifest import Manifest, ModelFacts, Session, SettingsFacts
from emma_eval.types import InferenceStats, SampleScore


def manifest(*sessions):
    return Manifest(
        model=ModelFacts(name="m", source="m", weights="w", config="c"),
        settings=SettingsFacts(limit=None, seed=None, allow_partial=False),
        tasks={},
        sessions=sessions,
    )


def session(answered, replicas=1, **stats):
    return Session(
        started="2026-01-01T00:00:00+00:00",
        finished="2026-01-01T00:00:50+00:00",
        answered=answered,
        command=(),
        batch_size="auto",
        versions={},
        code="",
        git_commit=None,
        git_dirty=None,
        platform="",
        replicas=replicas,
        stats=InferenceStats(**stats) if stats else None,
    )


def test_throughput_is_over_the_sessions_that_asked_the_model():
    one = session(60, batches=3, new_tokens=120, computing_seconds=18.0, idle_seconds=2.0)
    two = session(40, batches=2, new_tokens=80, computing_seconds=20.0)
    found = throughput(manifest(one, session(0), two))
    assert found["answers"] == 100
    assert found["new_tokens"] == 200
    assert found["answers_per_second"] == pytest.approx(100 / 40)
    assert found["new_tokens_per_second"] == pytest.approx(200 / 40)


def test_the_time_of_replicas_is_shared():
    found = throughput(manifest(session(100, replicas=4, batches=1, computing_seconds=40.0)))
    assert found["answers_per_second"] == pytest.approx(100 / 10)


def test_an_engine_that_tells_no_times_is_timed_by_the_session():
    assert throughput(manifest(session(100, batches=1)))["answers_per_second"] == pytest.approx(100 / 50)


def test_nothing_asked_has_no_throughput():
    assert throughput(manifest(session(0))) == {}


def scores(values):
    return {str(index): SampleScore(str(index), value, "") for index, value in enumerate(values)}


@pytest.mark.parametrize(
    ("values", "limit", "chosen"),
    [
        ([0, 1, 0, 1, 0, 1, 0, 1], 4, "0145"),
        ([0, 1, 1, 1, 1, 1, 1, 1], 4, "0135"),  # one wrong: the others are right
        ([0, 0, 0, 0, 0, 0, 0, 1], 4, "0247"),
        ([0, 0.3, 0.5, 0.6], 2, "02"),  # half a score is right
        ([0, 1, 0, 1], 3, "012"),  # the odd one is wrong
        ([0, 1], 10, "01"),
        ([0, 1], 0, ""),
    ],
)
def test_half_of_the_samples_are_wrong_if_there_are_enough(values, limit, chosen):
    assert "".join(choose(scores(values), limit)) == chosen


@given(st.lists(st.sampled_from([0.0, 0.4, 0.5, 1.0]), max_size=30), st.integers(0, 40))
def test_as_many_as_wanted_are_chosen_in_order_and_each_once(values, limit):
    samples = scores(values)
    chosen = choose(samples, limit)
    assert len(chosen) == min(limit, len(samples))
    assert chosen == [name for name in samples if name in set(chosen)]
