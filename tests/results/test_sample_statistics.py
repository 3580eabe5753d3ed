"""Statistics of samples are read back as the scorer gave them; damage is reported in one line."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from emma_eval.errors import UserError
from emma_eval.results.baseline import Baseline, overall, read_run_or_baseline, write_baseline
from emma_eval.results.sample_statistics import TaskStatisticsRecord, from_record
from emma_eval.stats.bootstrap import intervals
from emma_eval.utils.records import read_record, to_compact_json
from tests.fakes import FakeEngine, pope_scores, run_pope, task_statistics


def test_scores_come_back_with_equal_intervals(tmp_path):
    scores = pope_scores({3, 8, 9})
    path = tmp_path / "pope.json"
    path.write_text(to_compact_json(task_statistics({3, 8, 9}).record), encoding="utf-8")
    back = from_record(read_record(path, TaskStatisticsRecord, "mend it"), path).scores
    kept = [metric for metric in scores.metrics if metric.unit != "count"]
    assert back.metrics == tuple(kept)
    assert back.samples == scores.samples
    bounds = dict(zip(scores.metrics, intervals(scores), strict=True))
    assert intervals(back) == [bounds[metric] for metric in kept]


def test_it_is_compact():
    """A sample of POPE, in 10 ratios of two categories, costs less than 100 bytes, its line in samples/ included."""
    short, long = (len(to_compact_json(task_statistics({3}, questions=n).record)) for n in (40, 1040))
    assert (long - short) / 1000 < 100
    assert '"score"' in to_compact_json(task_statistics({3}).record)


def test_a_runs_baseline_holds_the_runs_statistics(data, folder, tmp_path):
    run_pope(data, folder)
    path = write_baseline(folder, tmp_path / "deep" / "baseline.json")
    (name, from_file), (same, from_run) = read_run_or_baseline(path), read_run_or_baseline(folder)
    assert (name.name, name.dtype) == (same.name, same.dtype)
    assert [task.record for task in from_file] == [overall(task.record) for task in from_run]
    assert [task.task for task in from_file] == ["pope"]
    assert read_record(path, Baseline, "mend it").model.weights == "w" * 64


def test_a_run_of_an_earlier_version_is_told_how_to_get_it(data, folder):
    run_pope(data, folder)
    (folder / "statistics" / "pope.json").unlink()
    with pytest.raises(UserError, match=r"lacks statistics/pope.json, .* the command that made the run writes it"):
        read_run_or_baseline(folder)
    run_pope(data, folder)
    assert read_run_or_baseline(folder)


def test_what_utf8_cannot_hold_is_kept_readable(data, folder):
    class Odd(FakeEngine):
        def respond(self, request):
            return replace(super().respond(request), text="\ud800")

    run_pope(data, folder, Odd())
    assert read_run_or_baseline(folder)


def spoil(content, change):
    content = json.loads(json.dumps(content))
    change(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["ratios"][0].update(sample_indices=99), "do not fit together"),
        (lambda c: c["samples"]["id"].pop(), "do not fit together"),
        (lambda c: c["ratios"][2]["denominator"].pop(), "do not fit together"),
        (lambda c: c["sample_indices"][0].__setitem__(0, 40), "do not fit together"),
        (lambda c: c["metrics"][0].update(aggregate="magic"), "'magic' is none of sum"),
        (lambda c: c.update(colour="red"), "colour"),
        (lambda c: c.update(schema_version=2), "schema 2"),
        (lambda c: c["metrics"][0].pop("scale"), "scale"),
    ],
)
def test_damage_is_one_clear_line(tmp_path, change, message):
    path = tmp_path / "pope.json"
    path.write_text(spoil(json.loads(to_compact_json(task_statistics().record)), change), encoding="utf-8")
    with pytest.raises(UserError, match=message) as error:
        from_record(read_record(path, TaskStatisticsRecord, "mend it"), path)
    assert str(path) in str(error.value)


def test_no_file_and_no_json(tmp_path):
    with pytest.raises(UserError, match="is missing"):
        read_run_or_baseline(Path("nowhere.json"))
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(UserError, match="cannot be read"):
        read_run_or_baseline(tmp_path / "b.json")
