"""A run folder of an earlier version (other key names, `evidence/` for `statistics/`) is read, and to the same numbers.

`earlier_run/` was written by commit f684e28: 24 generated yes/no questions on 4 images, one of them failed.
"""

import json
import shutil
from pathlib import Path

import pytest

from emma_eval.errors import UserError
from emma_eval.reports.html.report import write_report
from emma_eval.reports.html.run_loader import load_task_results, read_runs
from emma_eval.results.baseline import overall, read_run_or_baseline, write_baseline
from emma_eval.results.manifest import read_manifest
from emma_eval.results.responses import read_responses
from emma_eval.results.scores import BaselineRecord, read_scores
from emma_eval.stats.bootstrap import intervals, recompute

RUN = Path(__file__).parent / "earlier_run"
ON_DISK = json.loads((RUN / "scores.json").read_text(encoding="utf-8"))["tasks"][0]


def test_scores_have_the_values_on_disk():
    (task,) = read_scores(RUN).tasks
    assert (task.mean_score, task.setup.reference_digest) == (ON_DISK["credit"], ON_DISK["asked"]["truth"])
    assert [(failed.id, failed.pass_index) for failed in task.failed] == [("5", 0)]
    directions = {"higher": True, "lower": False, "unranked": None}
    for metric, old in zip(task.metrics, ON_DISK["metrics"], strict=True):
        assert (metric.name, metric.value, metric.n) == (old["name"], old["value"], old["n"])
        assert metric.higher_is_better == directions[old["better"]]
        assert (metric.interval and metric.interval.model_dump()) == old["interval"]


def test_statistics_give_the_intervals_on_disk():
    _, (task,) = read_run_or_baseline(RUN)
    on_disk = {(m["name"], m["category"]): m for m in ON_DISK["metrics"]}
    for metric, bounds in zip(task.scores.metrics, intervals(task.scores), strict=True):
        old = on_disk[metric.name, metric.category]
        expected = old["no_interval"] or (old["interval"]["low"], old["interval"]["high"])
        assert (metric.value, bounds) == (old["value"], expected)
        assert recompute(metric, task.scores.samples) == pytest.approx(metric.value, rel=1e-12)


def test_a_baseline_of_it_holds_the_same(tmp_path):
    (small,), (whole,) = (read_run_or_baseline(p)[1] for p in (write_baseline(RUN, tmp_path / "baseline.json"), RUN))
    assert small.record == overall(whole.record)
    assert small.scores.samples == whole.scores.samples


def test_a_constant_answers_score_has_a_new_key():
    old = {"answer": "yes", "credit": 0.5, "better": 3, "worse": 1, "p_value": 0.3125}
    assert BaselineRecord.model_validate(old).mean_score == 0.5


def test_samples_responses_and_manifest_are_read():
    (results,) = load_task_results(read_runs([RUN]), "pope")
    assert [sample.score for sample in results.samples.values()].count(1.0) == 19
    assert results.responses["0", 0] == read_responses(RUN / "responses" / "pope.jsonl")[0]
    manifest = read_manifest(RUN)
    assert manifest
    assert manifest.tasks["pope"].reference_digest == ON_DISK["asked"]["truth"]


def test_a_report_of_it_can_be_written(tmp_path):
    assert "earlier" in write_report([RUN], tmp_path).read_text(encoding="utf-8")


def test_todays_folder_comes_first(tmp_path):
    run = Path(shutil.copytree(RUN, tmp_path / "run"))
    (run / "statistics").mkdir()
    (run / "statistics" / "pope.json").write_text("{", encoding="utf-8")
    with pytest.raises(UserError, match=r"statistics/pope\.json"):
        read_run_or_baseline(run)
