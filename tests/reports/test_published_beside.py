"""The published values of a run's model, which its end prints beside the scores."""

from __future__ import annotations

from pathlib import Path

from emma_eval.reports.leaderboard import Leaderboard
from emma_eval.reports.published import load_published
from emma_eval.reports.run_summary import run_summary
from emma_eval.results.scores import Interval, ScoredRun
from tests.fakes import metric, mini_scores, scored_run, task_scores

PUBLISHED = load_published()


def run() -> ScoredRun:
    gqa = metric("accuracy", 62.34).model_copy(update={"interval": Interval(low=61.5, high=63.2)})
    science = task_scores("scienceqa", "test", metric("accuracy", 70.0), metric("img_accuracy", 72.0))
    return scored_run(task_scores("gqa", "testdev-balanced", gqa), science, mini_scores("gqa_mini", 70.0))


def test_they_are_found_by_metric():
    made = run()
    beside = Leaderboard([made], PUBLISHED, {"my-emma": "emma-7b"}).published_beside()
    assert beside is not None
    gqa, science, mini = made.scores.tasks
    assert beside.name == "EMMA-7B"
    assert beside.of("gqa", gqa.metrics[0]) == ("56.01", "+6.3*")
    assert beside.of("scienceqa", science.metrics[0]) == ("", "")
    assert beside.of("scienceqa", science.metrics[1]) == ("73.14", "-1.1*")
    assert beside.of("gqa_mini", mini.metrics[0]) == ("", "")


def test_a_model_that_is_no_published_one_has_none():
    assert Leaderboard([run()], PUBLISHED).published_beside() is None


def test_a_run_ends_with_them_beside_its_scores():
    made = run()
    beside = Leaderboard([made], PUBLISHED, {"my-emma": "emma-7b"}).published_beside()
    lines = run_summary(made.scores, Path("folder"), 80, beside)
    assert max(map(len, lines)) <= 80
    head, gqa, science, image, mini = (line.split() for line in lines[2:7])
    assert head[-2:] == ["EMMA-7B", "diff."]
    assert gqa == ["gqa", "accuracy", "62.3", "[61.5,", "63.2]", "100", "56.01", "+6.3*"]
    assert science == ["scienceqa", "accuracy", "70.0", "none", "100"]
    assert image == ["img", "accuracy", "72.0", "none", "100", "73.14", "-1.1*"]
    assert mini == ["gqa_mini", "accuracy", "70.0", "none", "100"]
    assert "`emma-eval leaderboard folder --sources` says why" in " ".join(" ".join(lines).split())


def test_without_them_a_run_ends_as_before():
    made = run()
    assert not any("EMMA-7B" in line or "diff." in line for line in run_summary(made.scores, Path("folder"), 80))
