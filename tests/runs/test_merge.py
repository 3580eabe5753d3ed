"""Shards and their merge: the answers and scores of one run, and a line for whatever does not belong together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emma_eval.cli.main import main
from emma_eval.errors import UserError
from emma_eval.models.base import ModelSpec
from emma_eval.results.lock import lock_run_folder
from emma_eval.results.manifest import read_manifest
from emma_eval.results.scores import read_scores
from emma_eval.runs.merge import MergeSettings, merge_shards
from emma_eval.runs.monitor import RunMonitor
from emma_eval.runs.progress import PlainProgress
from emma_eval.runs.runner import RunResult, run_evaluation
from emma_eval.runs.settings import Shard, default_folder
from tests.fakes import REQUESTS, FakeEngine, FakeHandle, pope_settings, run_pope

SCORED = ("scores.json", "samples/pope.jsonl", "leaderboard.md", "leaderboard.csv", "leaderboard.tex")


def responses(folder: Path) -> list[dict[str, object]]:
    lines = (folder / "responses" / "pope.jsonl").read_text(encoding="utf-8").splitlines()
    return sorted((json.loads(line) for line in lines), key=lambda one: int(one["id"]))


@pytest.fixture
def shards(data: Path, tmp_path: Path) -> list[Path]:
    """Both shards of a run on two images."""
    folders = [tmp_path / "one", tmp_path / "two"]
    for number, folder in enumerate(folders, 1):
        run_pope(data, folder, shard=Shard(number, 2))
    return folders


def merge(data: Path, folders: list[Path], **options: object) -> RunResult:
    output = data.parent / "merged"
    return merge_shards(folders, output, MergeSettings(data, **options), PlainProgress())  # type: ignore[arg-type]


def test_a_shard_asks_its_share_and_scores_nothing(data: Path, tmp_path: Path) -> None:
    engine = FakeEngine()
    result = run_pope(data, tmp_path / "one", engine, shard=Shard(1, 2))
    assert result.scores is None
    assert not (tmp_path / "one" / "scores.json").exists()
    assert {one.images[0].name for one in engine.requests} == {"a.jpg"}
    assert len(engine.requests) == REQUESTS // 2
    counts = RunMonitor(tmp_path / "one").poll().overall
    assert (counts.done, counts.total) == (REQUESTS // 2, REQUESTS // 2)


def test_the_merged_run_is_the_whole_run(data: Path, shards: list[Path], tmp_path: Path) -> None:
    whole = run_pope(data, tmp_path / "whole")
    result = merge(data, shards[::-1])
    merged = tmp_path / "merged"
    assert result.folder == merged
    assert result.scores == whole.scores
    for name in SCORED:
        assert (merged / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert responses(merged) == responses(tmp_path / "whole")
    manifest, of_whole = read_manifest(merged), read_manifest(tmp_path / "whole")
    assert manifest is not None
    assert of_whole is not None
    assert (manifest.model, manifest.settings, manifest.tasks) == (of_whole.model, of_whole.settings, of_whole.tasks)
    assert [one.answered for one in manifest.sessions] == [6, 6, 0]
    assert manifest.status == "finished"


def test_run_goes_on_in_the_merged_folder(data: Path, shards: list[Path], tmp_path: Path) -> None:
    merge(data, shards, answers_only=True)
    assert not (tmp_path / "merged" / "scores.json").exists()
    idle = FakeEngine(stop_after=0, error=AssertionError("asked"))
    assert run_pope(data, tmp_path / "merged", idle).scores == run_pope(data, tmp_path / "whole").scores


def test_a_failed_sample_that_answered_when_it_was_retried_counts_once(data: Path, tmp_path: Path) -> None:
    picture = data / "pope" / "val2014" / "b.jpg"
    good = picture.read_bytes()
    picture.write_bytes(b"broken")
    folders = [tmp_path / "one", tmp_path / "two"]
    for number, folder in enumerate(folders, 1):
        run_pope(data, folder, shard=Shard(number, 2))
    picture.write_bytes(good)
    run_pope(data, folders[1], shard=Shard(2, 2), retry_failed=True)
    result = merge(data, folders)
    assert result.failed == 0
    assert len(responses(result.folder)) == REQUESTS
    assert result.scores == run_pope(data, tmp_path / "whole").scores


def test_one_shard_of_one_is_a_run(data: Path, tmp_path: Path) -> None:
    run_pope(data, tmp_path / "one", shard=Shard(1, 1))
    assert merge(data, [tmp_path / "one"]).scores == run_pope(data, tmp_path / "whole").scores


def test_an_empty_folder_is_filled_the_current_one_too(
    data: Path, shards: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    merge_shards(shards, Path(), MergeSettings(data), PlainProgress())
    whole = run_pope(data, tmp_path / "whole")
    assert sorted(path.name for path in place.iterdir()) == sorted(path.name for path in whole.folder.iterdir())
    assert run_pope(data, place).scores == whole.scores


class TestRefusing:
    """Each in one line, and without a folder."""

    def refused(self, data: Path, folders: list[Path], message: str) -> None:
        before = sorted(data.parent.iterdir())
        with pytest.raises(UserError, match=message):
            merge(data, folders)
        assert sorted(data.parent.iterdir()) == before

    def test_a_missing_shard(self, data: Path, shards: list[Path]) -> None:
        self.refused(data, shards[:1], "of 2 shards, 2 is missing")

    def test_a_shard_given_twice(self, data: Path, shards: list[Path]) -> None:
        self.refused(data, [*shards, shards[0]], r"one is given twice")

    def test_two_folders_of_one_shard(self, data: Path, shards: list[Path], tmp_path: Path) -> None:
        run_pope(data, tmp_path / "again", shard=Shard(2, 2))
        self.refused(data, [*shards, tmp_path / "again"], r"two and .*again are both shard 2/2")

    def test_shards_of_other_numbers(self, data: Path, shards: list[Path], tmp_path: Path) -> None:
        run_pope(data, tmp_path / "third", shard=Shard(2, 3))
        self.refused(data, [shards[0], tmp_path / "third"], r"third is one of 3 shards and .*one one of 2")

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"limit": 6}, "--limit was not given and is 6 now"),
            ({"model": ModelSpec("fake", options={"words": "no"})}, "--model-option words was not given"),
        ],
    )
    def test_a_shard_with_other_options(
        self, data: Path, shards: list[Path], changes: dict[str, object], message: str
    ) -> None:
        other = data.parent / "other"
        run_pope(data, other, shard=Shard(2, 2), **changes)
        self.refused(data, [shards[0], other], f"are not shards of one run: {message}")

    def test_a_shard_of_another_model(self, data: Path, shards: list[Path], tmp_path: Path) -> None:
        handle = FakeHandle(FakeEngine(), weights="x" * 64)
        run_evaluation(pope_settings(data, shard=Shard(2, 2)), tmp_path / "other", PlainProgress(), handle)
        self.refused(data, [shards[0], tmp_path / "other"], "the model fake has changed")

    def test_a_shard_number_that_is_none(self, data: Path, shards: list[Path]) -> None:
        path = shards[1] / "manifest.json"
        path.write_text(path.read_text().replace('"2/2"', '"two"'))
        self.refused(data, shards, "manifest.json cannot be read: settings.shard")

    def test_other_data(self, data: Path, shards: list[Path]) -> None:
        path = data / "pope" / "coco" / "coco_pope_random.json"
        path.write_text(path.read_text().replace("cat 3", "dog 3"))
        self.refused(data, shards, "the data file random of task pope has changed")

    def test_an_unfinished_shard(self, data: Path, shards: list[Path], tmp_path: Path) -> None:
        half = tmp_path / "half"
        with pytest.raises(KeyboardInterrupt):
            run_pope(data, half, FakeEngine(stop_after=4), shard=Shard(2, 2))
        self.refused(data, [shards[0], half], r"shard 2/2 is not finished: 2 requests of task pope")

    def test_a_response_that_is_in_two_shards(self, data: Path, shards: list[Path]) -> None:
        one, two = (folder / "responses" / "pope.jsonl" for folder in shards)
        two.write_text(two.read_text() + one.read_text().splitlines(keepends=True)[0])
        self.refused(data, shards, r"sample 0 of task pope is in .*one and in .*two")

    def test_a_shard_that_is_being_written(self, data: Path, shards: list[Path]) -> None:
        with lock_run_folder(shards[1]):
            self.refused(data, shards, "two is being written by process")

    def test_an_ordinary_run(self, data: Path, shards: list[Path], tmp_path: Path) -> None:
        run_pope(data, tmp_path / "whole")
        self.refused(data, [shards[0], tmp_path / "whole"], "whole holds a run of its own, not a shard")

    def test_a_folder_that_is_there(self, data: Path, shards: list[Path]) -> None:
        merge(data, shards)
        self.refused(data, shards, "merged exists")

    def test_another_shard_in_a_shards_folder(self, data: Path, shards: list[Path]) -> None:
        with pytest.raises(UserError, match="--shard was 1/2 and is 2/2 now"):
            run_pope(data, shards[0], shard=Shard(2, 2))
        with pytest.raises(UserError, match="--shard was 1/2 and is not given now"):
            run_pope(data, shards[0])


@pytest.mark.parametrize("place", ["scored_result", "_write_responses"])
def test_an_interrupted_merge_leaves_nothing(
    data: Path, shards: list[Path], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = sorted(data.parent.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(f"emma_eval.runs.merge.{place}", interrupt)
        with pytest.raises(KeyboardInterrupt):
            merge(data, shards)
    assert sorted(data.parent.iterdir()) == before
    assert merge(data, shards).scores is not None


@pytest.mark.parametrize("is_there", [False, True], ids=["no folder", "an empty folder"])
def test_what_a_killed_merge_left_is_taken_away(data: Path, shards: list[Path], tmp_path: Path, is_there: bool) -> None:
    home = tmp_path / "merged" if is_there else tmp_path
    left = home / ".merged.part" / "run" / "responses"
    left.mkdir(parents=True)
    (left / "pope.jsonl").write_text("half a record")
    assert merge(data, shards).scores == run_pope(data, tmp_path / "whole").scores
    assert not list(home.glob(".merged*"))


def test_two_merges_to_one_place_do_not_meet(data: Path, shards: list[Path], tmp_path: Path) -> None:
    draft = tmp_path / ".merged.part"
    draft.mkdir()
    with lock_run_folder(draft), pytest.raises(UserError, match=r"\.merged\.part is being written by process"):
        merge(data, shards)
    assert (draft / "run.lock").exists(), "it is the other's"


def test_a_shard_has_no_scores_of_its_own(shards: list[Path]) -> None:
    with pytest.raises(UserError, match="one is shard 1/2 of a run; `merge` joins and scores them all"):
        read_scores(shards[0])


def test_every_shard_has_a_folder_of_its_own(data: Path) -> None:
    whole = default_folder(pope_settings(data)).name
    assert default_folder(pope_settings(data, shard=Shard(2, 8))).name == f"{whole}-shard-2-of-8"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("0/2", "'0/2': shards are numbered from 1 to 2"),
        ("3/2", "'3/2': shards are numbered from 1 to 2"),
        ("1", "'1' is not of the form I/N, as 3/8"),
        ("1/x", "'1/x' is not of the form I/N"),
    ],
)
def test_a_share_without_sense_is_refused(given: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--shard", given]) == 2
    assert message in capsys.readouterr().err
