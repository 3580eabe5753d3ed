"""What a run prints at its end: at most 25 lines, whatever it ran, and the numbers that people quote."""

from dataclasses import replace
from pathlib import Path

import pytest

from emma_eval.reports.run_summary import MAX_LINES, run_summary
from emma_eval.results.scores import Counts, FailedSample, Interval, MetricRecord
from emma_eval.scorers import get_scorer
from emma_eval.tasks.index import task_names
from emma_eval.types import Answer
from tests.fakes import metric, mini_scores, pope_scores, sample, scores_file, task_scores

FOLDER = Path("results/runs/my-emma-x-01234567")
WIDTHS = (40, 60, 80, 120)


def summary(*tasks, width=80):
    lines = run_summary(scores_file(*tasks), FOLDER, width)
    assert len(lines) <= MAX_LINES
    assert all(len(line) <= width for line in lines if "emma-eval report" not in line and "run folder" not in line)
    assert not any("…" in line for line in lines)
    return lines


def scored(name, scores, primary, **changes):
    """A task with a scorer's own metrics."""
    return task_scores(name, "test", *MetricRecord.all_of(scores), **{"metric": primary} | changes)


def row(lines, start):
    return next(line for line in lines if line.strip().startswith(start)).split()


def test_pope_has_f1_with_accuracy_and_yes_ratio_and_each_categorys_f1():
    lines = summary(scored("pope", pope_scores({0, 1, 4}), "f1"))
    assert row(lines, "pope")[:3] == ["pope", "f1", "92.1"]  # the mean of 16/19 and 1
    assert row(lines, "accuracy")[:2] == ["accuracy", "92.5"]
    assert row(lines, "yes ratio")[:3] == ["yes", "ratio", "47.5"]
    assert "pope, f1 by category: random 84.2, popular 100.0" in lines


def mme_answers(*categories):
    samples = [
        sample(f"{category}{number}", "Yes", category=category, pair="p")
        for category in categories
        for number in range(2)
    ]
    return get_scorer("mme")(samples, {(one.id, 0): Answer("yes") for one in samples})


def test_mme_has_perception_and_cognition_also_where_only_one_of_them_is_asked():
    lines = summary(scored("mme", mme_answers("existence", "code_reasoning"), "score", complete=False))
    assert "only a part of the questions: not comparable with other scores" in lines
    assert [row(lines, name)[1] for name in ("perception", "cognition")] == ["200.0", "200.0"]
    lines = summary(scored("mme", mme_answers("existence"), "score", complete=False))
    assert row(lines, "cognition") == ["cognition", "none", "0"]


def test_an_interval_that_is_missing_has_its_reason():
    without = metric("accuracy", 50.0).model_copy(update={"no_interval": "there is one image alone to resample"})
    lines = summary(task_scores("vqav2", "val", without), task_scores("gqa", "x", without))
    assert row(lines, "vqav2")[3] == "none"
    assert "no interval, vqav2 (accuracy), gqa (accuracy): there is one image alone to" in lines


def test_failures_are_counted_and_the_option_that_asks_again_is_named():
    failed = tuple(FailedSample(id=str(i), pass_index=0, reason=f"image {i} is broken") for i in range(30))
    counts = Counts(samples=100, answered=68, failed=30, missing=2)
    lines = summary(task_scores("gqa", "x", metric("accuracy", 50.0), failed=failed, counts=counts))
    assert lines[0] == "my-emma: 100 questions of 1 task, 30 failed and 2 missing, counted as wrong"
    assert "failed: 30 of gqa; the first, gqa sample 0: image 0 is broken" in lines
    assert "ask them again: the same command with --retry-failed" in lines


def test_the_last_lines_name_the_files_the_page_and_the_folder():
    *_, tables, page, folder = summary(task_scores("gqa", "x", metric("accuracy", 50.0)))
    assert tables == "tables: leaderboard.md, .csv, .tex in the run folder, beside published scores"
    assert page == f"page with every sample: emma-eval report {FOLDER}"
    assert folder == f"run folder: {FOLDER}"


def test_the_mini_suite_is_told_against_the_best_constant_answer():
    lines = summary(mini_scores("vqav2_mini", 86.2), mini_scores("gqa_mini", 87.5))
    assert "better than the best constant answer on 2 of 2 tasks (sign test, 5%)" in lines


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("number", [1, 4, 9, 16, 51])
def test_so_many_tasks_with_notes_and_failures_fit(width, number):
    value = metric("f1", 86.25).model_copy(update={"interval": Interval(low=82.1, high=90.4)})
    metrics = (value, *(replace_name(value, name) for name in ("accuracy", "yes_ratio")))
    failed = (FailedSample(id="7", pass_index=0, reason="cannot be opened: " + "a/b " * 200),)
    notes = ("two of 200 answers gave neither yes nor no and count as wrong, as the official tool has it", "x " * 300)
    names = task_names()[:number]
    tasks = [task_scores(name, "test", *metrics, failed=failed, notes=(*notes, name)) for name in names]
    lines = summary(*tasks, width=width)
    assert any(names[0] in line and "86.2" in line for line in lines[1:]) or width < 60
    assert lines[-1] == f"run folder: {FOLDER}"


def replace_name(record, name):
    return record.model_copy(update={"name": name})


def test_what_does_not_fit_is_counted():
    tasks = [task_scores(name, "test", metric("accuracy", 50.0)) for name in task_names()]
    lines = summary(*tasks)
    (more,) = [line for line in lines if line.startswith("and ")]
    shown = sum(line.startswith(tuple(f"{name} " for name in task_names())) for line in lines)
    assert more == f"and {len(tasks) - shown} tasks more: scores.json"


def test_a_task_whose_answers_are_held_back_has_no_score():
    held_back = replace(pope_scores(set()), metrics=())
    task = task_scores("mmvet", "test", metric("score", 1.0)).model_copy(
        update={"metrics": MetricRecord.all_of(held_back)}
    )
    assert row(summary(task), "mmvet")[1:4] == ["not", "scored", "here"]


def test_the_command_for_the_page_names_the_folders_it_needs():
    places = ["--data", "/data/my benchmarks", "--task-dir", "tasks"]
    command = f"emma-eval report {FOLDER} --data '/data/my benchmarks' --task-dir tasks"
    task = task_scores("gqa", "testdev-balanced", metric("accuracy", 62.0))
    assert f"page with every sample: {command}" in run_summary(scores_file(task), FOLDER, 160, places=places)
    lines = run_summary(scores_file(task), FOLDER, 40, places=places)
    assert lines[lines.index("page with every sample:") + 1] == f"    {command}"
