"""A run: what it writes, how it goes on where it stopped, what it refuses."""

import json
import multiprocessing
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emma_eval.errors import UserError
from emma_eval.models.base import ModelSpec
from emma_eval.models.checkpoints.templates import render_prompt
from emma_eval.results.lock import lock_run_folder
from emma_eval.results.manifest import read_manifest
from emma_eval.results.scores import read_scores
from emma_eval.runs.progress import PlainProgress
from emma_eval.runs.runner import TooManyFailuresError, run_evaluation
from emma_eval.runs.settings import ErrorLimit
from tests.fakes import REQUESTS, FakeEngine, FakeHandle, fake_answer, pope_settings, run_pope

SCORED = ("scores.json", "samples/pope.jsonl", "leaderboard.md", "leaderboard.csv", "leaderboard.tex")


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in SCORED}


def records(folder: Path) -> list[dict[str, object]]:
    lines = (folder / "responses" / "pope.jsonl").read_text(encoding="utf-8").splitlines()
    return [{key: value for key, value in json.loads(line).items() if key != "crc32"} for line in lines]


class TestAFinishedRun:
    def test_records_each_answer_with_its_prompt(self, data, folder):
        answer = FakeEngine()
        run_pope(data, folder, answer)
        first, request = records(folder)[0], answer.requests[0]
        assert first == {
            "id": "0",
            "pass_index": 0,
            "prompt": render_prompt(request.message),
            "instruction": "Is there a random cat 0?",
            "text": fake_answer(request),
            "tokens": 2,
            "seconds": 0.25,
            "error": None,
            "finish_reason": "stop",
            "prompt_cut": False,
        }
        assert len(records(folder)) == REQUESTS

    def test_scores_what_the_official_scorer_says_of_the_answers(self, data, folder):
        answer = FakeEngine()
        scores = run_pope(data, folder, answer).scores
        truth = ["yes", "no"] * 6
        hits = sum(fake_answer(r).lower() == gold for r, gold in zip(answer.requests, truth, strict=True))
        accuracy = scores.tasks[0].find("accuracy")
        assert accuracy is not None
        assert accuracy.value == pytest.approx(hits / REQUESTS)
        assert scores == read_scores(folder)

    def test_states_the_facts_needed_to_repeat_it(self, data, folder):
        run_pope(data, folder)
        manifest = read_manifest(folder)
        assert manifest is not None
        assert manifest.status == "finished"
        assert manifest.model.template == "vicuna_v1"
        assert (manifest.model.dtype, manifest.model.device) == ("float32", "cpu")
        facts = manifest.tasks["pope"]
        assert set(facts.data) == {"random", "popular", "adversarial"}  # the images' folder is not hashed
        assert (facts.samples, facts.requests) == (REQUESTS, REQUESTS)
        session = manifest.sessions[0]
        assert {"python", "torch", "transformers", "emma_eval"} <= session.versions.keys()
        assert session.answered == REQUESTS
        assert len(session.code) == 64
        assert session.command
        assert session.finished

    def test_asks_nothing_and_loads_nothing_when_called_again(self, data, folder):
        run_pope(data, folder)
        before = contents(folder)
        idle = FakeEngine(stop_after=0, error=AssertionError("asked"))

        class Unloadable(FakeHandle):
            def load(self):
                raise AssertionError("loaded")

        run_evaluation(pope_settings(data), folder, PlainProgress(), Unloadable(idle))
        assert contents(folder) == before


class TestGoingOn:
    @pytest.mark.parametrize("stop_after", [0, 1, 5, REQUESTS - 1])
    def test_after_an_interrupt_only_the_rest_is_asked_and_the_scores_are_the_same(self, data, tmp_path, stop_after):
        whole, broken = tmp_path / "whole", tmp_path / "broken"
        run_pope(data, whole)
        with pytest.raises(KeyboardInterrupt):
            run_pope(data, broken, FakeEngine(stop_after=stop_after))
        manifest = read_manifest(broken)
        assert manifest is not None
        assert manifest.status == "interrupted"
        rest = FakeEngine()
        run_pope(data, broken, rest)
        assert len(rest.requests) == REQUESTS - stop_after
        assert contents(broken) == contents(whole)

    def test_after_kill_9_the_scores_are_the_same(self, data, tmp_path):
        whole, killed = tmp_path / "whole", tmp_path / "killed"
        run_pope(data, whole)
        command = [sys.executable, "-m", "tests.runs.slow_run", str(data), str(killed)]
        process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
        record = killed / "responses" / "pope.jsonl"
        deadline = time.monotonic() + 60
        while not (record.exists() and record.read_bytes().count(b"\n") >= 3):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        with pytest.raises(UserError, match=f"process {process.pid}"):
            run_pope(data, killed)
        process.kill()
        process.wait()
        manifest = read_manifest(killed)
        assert manifest is not None
        assert manifest.status == "running"
        rest = FakeEngine()
        run_pope(data, killed, rest)
        assert 0 < len(rest.requests) < REQUESTS
        assert contents(killed) == contents(whole)

    def test_a_line_torn_by_the_kill_is_asked_again(self, data, tmp_path):
        whole, torn = tmp_path / "whole", tmp_path / "torn"
        run_pope(data, whole)
        with pytest.raises(KeyboardInterrupt):
            run_pope(data, torn, FakeEngine(stop_after=6))
        record = torn / "responses" / "pope.jsonl"
        record.write_bytes(record.read_bytes()[:-20])
        rest = FakeEngine()
        run_pope(data, torn, rest)
        assert len(rest.requests) == REQUESTS - 5
        assert contents(torn) == contents(whole)

    def test_every_session_is_written_down(self, data, folder):
        with pytest.raises(KeyboardInterrupt):
            run_pope(data, folder, FakeEngine(stop_after=4))
        run_pope(data, folder)
        manifest = read_manifest(folder)
        assert manifest is not None
        assert [(s.outcome, s.answered) for s in manifest.sessions] == [("interrupted", 4), ("finished", REQUESTS - 4)]


class TestRefusing:
    @pytest.fixture(autouse=True)
    def begun(self, data, folder):
        with pytest.raises(KeyboardInterrupt):
            run_pope(data, folder, FakeEngine(stop_after=4))

    def test_a_changed_model(self, data, folder):
        with pytest.raises(UserError, match=r"the model fake has changed \(weights or tokenizer.*--output"):
            run_evaluation(pope_settings(data), folder, PlainProgress(), FakeHandle(FakeEngine(), weights="x" * 64))

    def test_a_changed_prompt(self, data, folder, monkeypatch):
        monkeypatch.setattr(
            "emma_eval.prompts.building.build_message", lambda question, suffix, **_: f"Please: {question}"
        )
        with pytest.raises(UserError, match="the prompts of task pope have changed"):
            run_pope(data, folder)

    def test_a_changed_template(self, data, folder, monkeypatch):
        from emma_eval.models.checkpoints.templates import TEMPLATES

        monkeypatch.setitem(TEMPLATES, "vicuna_v1", TEMPLATES["vicuna_v1"].replace("USER", "Q"))
        with pytest.raises(UserError, match="the text of the conversation template vicuna_v1 has changed"):
            run_pope(data, folder)

    def test_another_model_option(self, data, folder):
        with pytest.raises(UserError, match="--model-option fast_preprocess was not given and is true now"):
            run_pope(data, folder, model=ModelSpec("fake", options={"fast_preprocess": "true"}))

    def test_a_changed_task(self, data, folder, monkeypatch):
        from emma_eval.tasks.loading import load_task
        from emma_eval.tasks.sections import DecodingConfig

        changed = load_task("pope").model_copy(update={"generation": DecodingConfig(max_new_tokens=7)})
        monkeypatch.setattr("emma_eval.tasks.loading.load_task", lambda name: changed)
        with pytest.raises(UserError, match="the task file of pope has changed"):
            run_pope(data, folder)

    def test_changed_data(self, data, folder):
        path = data / "pope" / "coco" / "coco_pope_random.json"
        path.write_text(path.read_text().replace("cat 3", "dog 3"))
        with pytest.raises(UserError, match="the data file random of task pope has changed"):
            run_pope(data, folder)

    def test_another_limit(self, data, folder):
        with pytest.raises(UserError, match="--limit was not given and is 5 now"):
            run_pope(data, folder, limit=5)

    def test_other_tasks(self, data, folder):
        with pytest.raises(UserError, match="its tasks were pope and are pope, easy_vqa now"):
            run_pope(data, folder, tasks=("pope", "easy_vqa"))

    def test_a_second_process(self, data, folder):
        context = multiprocessing.get_context("spawn")
        ready, done = context.Event(), context.Event()
        other = context.Process(target=hold, args=(folder, ready, done))
        other.start()
        assert ready.wait(60)
        with pytest.raises(UserError, match=rf"is being written by process {other.pid} on .*--output"):
            run_pope(data, folder)
        done.set()
        other.join()
        run_pope(data, folder)


def hold(folder, ready, done):
    with lock_run_folder(folder):
        ready.set()
        done.wait(60)


class TestFailedSamples:
    @pytest.fixture(autouse=True)
    def broken_image(self, data):
        (data / "pope" / "val2014" / "b.jpg").write_bytes(b"not an image")

    def test_are_counted_as_wrong_and_listed_with_their_reason(self, data, folder):
        result = run_pope(data, folder)
        task = result.scores.tasks[0]
        assert result.failed == task.counts.failed == 6
        assert task.counts.answered == 6
        assert [sample.id for sample in task.failed] == ["1", "3", "5", "7", "9", "11"]
        assert "b.jpg" in task.failed[0].reason
        listed = (folder / "leaderboard.md").read_text(encoding="utf-8")
        assert "fake, pope: 6 failed, counted as wrong" in listed
        assert "b.jpg" in listed
        samples = [json.loads(line) for line in (folder / "samples" / "pope.jsonl").read_text().splitlines()]
        assert [s["status"] for s in samples] == ["answered", "failed"] * 6
        assert all(s["score"] == 0 for s in samples[1::2])

    def test_are_asked_again_only_on_demand(self, data, folder):
        run_pope(data, folder)
        again = FakeEngine()
        run_pope(data, folder, again)
        assert again.requests == []
        run_pope(data, folder, again, retry_failed=True)
        assert [request.sample_id for request in again.requests] == ["1", "3", "5", "7", "9", "11"]

    def test_that_answer_at_last_count(self, data, folder):
        good = (data / "pope" / "val2014" / "a.jpg").read_bytes()
        run_pope(data, folder)
        (data / "pope" / "val2014" / "b.jpg").write_bytes(good)
        assert run_pope(data, folder, retry_failed=True).failed == 0

    @pytest.mark.parametrize(
        ("limit", "failures"), [(ErrorLimit(0), 1), (ErrorLimit(2), 3), (ErrorLimit(25, percent=True), 4)]
    )
    def test_stop_the_run_beyond_the_limit_and_what_is_done_is_kept(self, data, folder, limit, failures):
        with pytest.raises(TooManyFailuresError, match=f"{failures} of 12 requests failed.*b.jpg"):
            run_pope(data, folder, max_errors=limit)
        manifest = read_manifest(folder)
        assert manifest is not None
        assert manifest.status == "stopped"
        assert len(records(folder)) == failures * 2
        assert not (folder / "scores.json").exists()
        assert run_pope(data, folder).failed == 6

    def test_of_earlier_sessions_count_towards_the_limit(self, data, folder):
        with pytest.raises(TooManyFailuresError):
            run_pope(data, folder, max_errors=ErrorLimit(1))
        with pytest.raises(TooManyFailuresError, match="3 of 12"):
            run_pope(data, folder, max_errors=ErrorLimit(2))


class TestTheLimit:
    def test_takes_the_first_samples(self, data, folder):
        answer = FakeEngine()
        run_pope(data, folder, answer, limit=5)
        assert [request.sample_id for request in answer.requests] == ["0", "1", "2", "3", "4"]

    def test_draws_by_the_seed_in_the_benchmarks_order(self, data, tmp_path):
        draws = []
        for i, seed in enumerate((1, 1, 2)):
            answer = FakeEngine()
            run_pope(data, tmp_path / str(i), answer, limit=5, seed=seed)
            draws.append([int(request.sample_id) for request in answer.requests])
        assert draws[0] == draws[1] != draws[2]
        assert all(draw == sorted(set(draw)) and len(draw) == 5 for draw in draws)

    def test_keeps_the_scores_away_from_published_ones(self, data, folder):
        run_pope(data, folder, limit=5)
        assert not read_scores(folder).tasks[0].complete


def test_data_that_lack_samples_are_refused_before_the_model_loads(data, folder):
    with pytest.raises(UserError, match=r"12 samples .*9,000"):
        run_pope(data, folder, allow_partial=False)
    assert not folder.exists()
