"""`plan`: from runs, from one run, from a stated disagreement; every number by formulas of the test's own."""

from __future__ import annotations

import re

import pytest
from scipy.stats import norm

from emma_eval.cli.main import main

FACTOR = (norm.ppf(0.975) + norm.ppf(0.8)) ** 2


@pytest.fixture
def plan(capsys):
    def call(*arguments, code=0):
        assert main(["plan", *map(str, arguments)]) == code
        shown = capsys.readouterr()
        assert all(len(line) <= 80 for line in shown.out.splitlines())
        return " ".join((shown.out + shown.err).split())

    return call


def needed(shown, points):
    found = re.search(rf"to tell a difference of {points} points? takes ([\d,]+) samples", shown)
    return int(found[1].replace(",", ""))


def test_by_a_stated_disagreement(plan):
    shown = plan("gqa", "--detect", "0.5", "--disagreement", "0.08")
    assert "gqa: accuracy, McNemar, exact; 8.0% of the samples scored differently, as stated" in shown
    assert needed(shown, "0.5") == pytest.approx(FACTOR * 0.08 / 0.005**2, rel=0.02)
    assert "(80% power at the 5% level)" in shown
    assert "the whole task (12,578 samples) tells 0.72 points" in shown  # sqrt(FACTOR * 0.08 / 12,578), and a little


def test_without_anything_known_15_percent_are_assumed(plan):
    shown = plan("pope")
    assert "15.0% of the samples scored differently, assumed" in shown
    assert needed(shown, "1") == pytest.approx(FACTOR * 0.15 / 0.01**2, rel=0.02)
    assert "the whole task (9,000 samples) tells 1.2 points" in shown
    assert "the whole task (8,910 samples)" in shown
    assert "The task's own metric is f1, of which a run tells more: --runs RUN" in shown
    assert "own metric" not in plan("scienceqa")


def test_power_and_level(plan):
    shown = plan("pope", "--power", "0.9", "--alpha", "0.01")
    factor = (norm.ppf(0.995) + norm.ppf(0.9)) ** 2
    assert needed(shown, "1") == pytest.approx(factor * 0.15 / 0.01**2, rel=0.02)


def test_a_difference_that_no_number_of_samples_tells(plan):
    shown = plan("pope", "--detect", "20", "--disagreement", "0.1")
    assert "20 none do" in shown
    assert "no number of samples tells a difference of 20 points" in shown
    assert "it is 10 at most" in shown


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--detect", "0"], "'0' is not a number of points above 0"),
        (["--detect", "nan"], "'nan' is not a number of points above 0"),
        (["--power", "1.5"], "'1.5' is not a share above 0 and below 1"),
        (["--disagreement", "12"], "'12' is not a share above 0 and below 1"),
        (["--power", "0.04"], "--power 0.04: more than --alpha 0.05 is expected"),
        (["--runs", "nowhere"], "nowhere is missing"),
        (["--runs", "a", "b", "c"], "--runs: two runs, or one"),
        (["--runs", "a", "b", "--disagreement", "0.1"], "--runs: two runs, or one"),
    ],
)
def test_mistakes_are_one_line(plan, options, message):
    assert message in plan("pope", *options, code=2)


def test_an_unknown_task_is_one_line(plan):
    assert plan("popee", code=2).startswith("error: unknown task 'popee'; did you mean 'pope'?")
