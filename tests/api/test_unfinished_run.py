"""`load_run` of what is not finished: an interrupted run, a shard of one."""

import shutil

import pytest

import emma_eval
from emma_eval.errors import EmmaEvalWarning, UserError
from emma_eval.runs.merge import MergeSettings, merge_shards
from emma_eval.runs.progress import PlainProgress
from emma_eval.runs.runner import run_evaluation
from emma_eval.runs.settings import Shard
from tests.fakes import REQUESTS, FakeEngine, FakeHandle, pope_settings, run_pope

pytestmark = pytest.mark.usefixtures("warnings_are_errors")


def statuses(run):
    return dict(run.samples["status"].value_counts())


class TestAnUnfinishedRun:
    @pytest.fixture
    def run(self, data, folder):
        (data / "pope" / "val2014" / "b.jpg").write_bytes(b"broken")
        with pytest.raises(KeyboardInterrupt):
            run_pope(data, folder, FakeEngine(stop_after=5))
        return emma_eval.load_run(folder, data=data)

    def test_shows_what_is_answered_failed_and_missing(self, run):
        assert run.status == "interrupted"
        assert statuses(run) == {"answered": 3, "failed": 2, "missing": 7}
        missing = run.samples.query("status == 'missing'")
        assert missing["question"].notna().all()
        assert missing[["answer", "prompt", "error"]].isna().all(axis=None)
        assert run.samples["score"].isna().all()

    def test_without_data_it_lists_what_there_is_and_says_how_many_are_not(self, run, folder):
        with pytest.warns(EmmaEvalWarning) as seen:
            rest = emma_eval.load_run(folder).samples
        assert [str(one.message)[:31] for one in seen] == [
            "pope: question, references, opt",
            "pope: 7 requests without an ans",
        ]
        assert dict(rest["status"].value_counts()) == {"answered": 3, "failed": 2}

    def test_has_no_scores_and_says_how_to_get_them(self, run):
        assert not run.is_scored
        for ask in (lambda: run.scores, lambda: run.failed, lambda: run.score("pope"), lambda: run.report("x")):
            with pytest.raises(UserError, match="has no scores yet: the run is not finished"):
                ask()
        assert "interrupted" in repr(run)
        assert "interrupted" in run._repr_html_()

    def test_scores_of_an_earlier_session_are_told_from_todays_answers(self, data, folder):
        (data / "pope" / "val2014" / "b.jpg").write_bytes(b"broken")
        run_pope(data, folder)
        shutil.copy(data / "pope" / "val2014" / "a.jpg", data / "pope" / "val2014" / "b.jpg")
        with pytest.raises(KeyboardInterrupt):
            run_pope(data, folder, FakeEngine(stop_after=3), retry_failed=True)
        with pytest.warns(EmmaEvalWarning, match="pope: 3 answers are newer than the scores"):
            _ = emma_eval.load_run(folder, data=data).samples


class TestShards:
    def shard(self, data, folder, number, engine=None):
        settings = pope_settings(data, shard=Shard(number, 2))
        run_evaluation(settings, folder, PlainProgress(), FakeHandle(engine or FakeEngine()))
        return emma_eval.load_run(folder, data=data)

    def test_a_shard_shows_its_own_samples(self, data, tmp_path):
        run = self.shard(data, tmp_path / "1", 1)
        assert statuses(run) == {"answered": REQUESTS // 2}
        assert run.samples["question"].notna().all()
        assert "shard 1/2" in repr(run)

    def test_of_an_unfinished_shard_the_rest_is_counted(self, data, tmp_path):
        with pytest.raises(KeyboardInterrupt):
            self.shard(data, tmp_path / "1", 1, FakeEngine(stop_after=2))
        with pytest.warns(EmmaEvalWarning, match="4 requests without an answer are not listed: which of them a shard"):
            assert len(emma_eval.load_run(tmp_path / "1", data=data).samples) == 2

    def test_merged_they_are_the_whole_run(self, data, tmp_path):
        folders = [tmp_path / "1", tmp_path / "2"]
        for number, folder in enumerate(folders, 1):
            self.shard(data, folder, number)
        merge_shards(folders, tmp_path / "merged", MergeSettings(data), PlainProgress())
        run_pope(data, tmp_path / "whole")
        merged, whole = (emma_eval.load_run(tmp_path / name, data=data) for name in ("merged", "whole"))
        assert merged.samples.equals(whole.samples)
        assert merged.scores.equals(whole.scores)
