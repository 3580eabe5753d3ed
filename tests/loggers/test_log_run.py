"""What is logged of a run: its own numbers, once to each place, whatever a place does."""

import json
import shutil
from io import BytesIO

import pytest
from PIL import Image

from emma_eval.cli.main import main
from emma_eval.errors import UserError
from emma_eval.loggers.base import Target
from emma_eval.loggers.log_run import LogOutcome, log_run
from emma_eval.loggers.samples import SampleSource
from emma_eval.results.lock import lock_run_folder
from emma_eval.types import Failure, Generation
from tests.fake_server import chat, fake_server
from tests.fakes import REQUESTS, FakeEngine, run_pope
from tests.judged_runs import finish_run, mmvet
from tests.notebook import Notebook


def log(folder, *notebooks, **source):
    targets = [Target(f"notebook:{index}", notebook) for index, notebook in enumerate(notebooks)]
    return list(log_run(folder, targets, SampleSource(**source)))


@pytest.fixture
def run(data, folder):
    return run_pope(data, folder)


@pytest.fixture
def notebook():
    return Notebook()


class TestTheNumbers:
    def test_are_those_of_the_scores_file(self, run, folder, notebook):
        log(folder, notebook)
        (task,) = json.loads((folder / "scores.json").read_text())["tasks"]
        numbers = notebook.runs[0].numbers
        overall = [metric for metric in task["metrics"] if not metric["group"]]
        assert {"accuracy", "f1"} <= {metric["name"] for metric in overall}
        for metric in overall:
            assert numbers[f"pope/{metric['name']}"] == metric["value"]
            bounds = metric["interval"] or {}
            assert numbers.get(f"pope/{metric['name']}_low") == bounds.get("low")
            assert numbers.get(f"pope/{metric['name']}_high") == bounds.get("high")

    def test_count_what_was_answered_failed_and_cut_off(self, run, folder, notebook):
        log(folder, notebook)
        counts = {name: value for name, value in notebook.runs[0].numbers.items() if name.startswith("pope/counts/")}
        assert counts == {
            "pope/counts/samples": REQUESTS,
            "pope/counts/answered": REQUESTS,
            "pope/counts/failed": 0,
            "pope/counts/missing": 0,
            "pope/counts/truncated": 0,
            "pope/counts/empty": 0,
            "pope/counts/prompts_cut": 0,
        }

    def test_of_categories_are_in_the_table_of_scores(self, run, folder, notebook):
        log(folder, notebook)
        (task,) = json.loads((folder / "scores.json").read_text())["tasks"]
        rows = [(row.metric, row.group, row.category, row.value, row.n) for row in notebook.runs[0].scores]
        assert rows == [(m["name"], m["group"], m["category"], m["value"], m["n"]) for m in task["metrics"]]
        assert any(row.group for row in notebook.runs[0].scores)

    def test_come_with_what_decided_them(self, run, folder, notebook):
        log(folder, notebook)
        config = notebook.runs[0].config
        manifest = json.loads((folder / "manifest.json").read_text())
        assert config["model"] == manifest["model"]
        assert config["settings"] == manifest["settings"]
        assert config["tasks"] == manifest["tasks"]
        assert config["session"]["versions"] == manifest["sessions"][0]["versions"]
        assert "command" not in json.dumps(config)  # it may hold anything


class TestTheSamples:
    def test_show_image_question_answer_reference_and_score(self, run, data, folder, notebook):
        log(folder, notebook, data=data)
        first = notebook.samples[0]["pope"][0]
        assert (first.id, first.question, first.reference) == ("0", "Is there a random cat 0?", "yes")
        assert first.answer in ("Yes", "No")
        assert first.score == (first.answer == "Yes")
        assert first.status == "answered"
        assert first.image is not None
        assert Image.open(BytesIO(first.image)).getpixel((4, 4))[0] > 200  # red, as write_pope paints

    def test_without_the_data_are_prompts_and_answers(self, run, folder, notebook, tmp_path):
        (tmp_path / "empty").mkdir()
        log(folder, notebook, data=tmp_path / "empty")
        first = notebook.samples[0]["pope"][0]
        assert first.image is None
        assert "Is there a random cat 0?" in first.question
        assert first.reference == ""

    def test_whose_image_is_gone_have_none(self, run, data, folder, notebook):
        (data / "pope" / "val2014" / "b.jpg").unlink()
        log(folder, notebook, data=data)
        images = {sample.id: sample.image for sample in notebook.samples[0]["pope"]}
        assert images["0"] is not None
        assert images["1"] is None

    def test_are_texts_that_every_service_takes(self, data, folder, notebook):
        run_pope(data, folder, Mumbling())
        log(folder, notebook)
        assert {sample.answer for sample in notebook.samples[0]["pope"]} == {"ye\N{REPLACEMENT CHARACTER}s"}

    def test_are_half_wrong_and_half_right(self, run, folder, notebook):
        log(folder, notebook, limit=4)
        assert sorted(sample.score for sample in notebook.samples[0]["pope"]) == [0, 0, 1, 1]

    def test_none_are_read_where_none_are_wanted(self, run, folder, notebook):
        shutil.rmtree(folder / "responses")
        log(folder, notebook, limit=0)
        assert notebook.samples == [{}]


class FailsFirst(FakeEngine):
    """Fails the first request."""

    def respond(self, request):
        return super().respond(request) if len(self.requests) > 1 else Failure("out of sorts")


class Mumbling(FakeEngine):
    """Its answers hold half of a character, which JSON can spell and UTF-8 cannot."""

    def respond(self, request):
        return Generation("ye\ud800s", (1,), "stop", prompt=request.message)


class TestARunThatIsThereAlready:
    def test_is_not_logged_again(self, run, folder, notebook):
        assert log(folder, notebook) == [LogOutcome("notebook:0", "page 1")]
        assert log(folder, notebook) == [LogOutcome("notebook:0", "page 1", is_new=False)]
        assert len(notebook.runs) == 1

    def test_nor_after_the_same_command_scored_it_again(self, run, data, folder, notebook):
        log(folder, notebook, data=data)
        run_pope(data, folder)
        outcomes = log(folder, notebook, data=data)
        assert [outcome.is_new for outcome in outcomes] == [False]

    def test_is_logged_under_the_same_key_once_its_scores_have_changed(self, data, folder, notebook):
        run_pope(data, folder, FailsFirst())
        log(folder, notebook)
        run_pope(data, folder, retry_failed=True)
        (outcome,) = log(folder, notebook)
        assert outcome.is_new
        first, second = notebook.runs
        assert (first.step, second.step) == (0, 1)
        assert first.key == second.key
        assert first.numbers["pope/counts/failed"] == 1
        assert second.numbers["pope/counts/failed"] == 0

    def test_is_logged_to_another_place(self, run, folder, notebook):
        other = Notebook(place="another notebook")
        log(folder, notebook)
        (outcome,) = log(folder, other)
        assert outcome.is_new
        assert other.runs[0].step == 0
        assert other.runs[0].key == notebook.runs[0].key

    def test_another_run_has_another_key(self, run, data, folder, tmp_path, notebook):
        run_pope(data, tmp_path / "other")
        log(folder, notebook)
        log(tmp_path / "other", notebook)
        assert notebook.runs[0].key != notebook.runs[1].key


class TestAPlaceThatFails:
    def test_costs_a_line_and_the_others_are_logged(self, run, folder, notebook):
        before = (folder / "scores.json").read_bytes()
        torn = Notebook(error=ConnectionError("no route to http://me:secret@host\nat all"))
        first, second = log(folder, torn, notebook)
        assert first.problem == "ConnectionError: no route to http://host at all"
        assert not second.problem
        assert (folder / "scores.json").read_bytes() == before
        assert "secret" not in (folder / "logs.json").read_text()

    def test_is_tried_again_under_the_same_key(self, run, folder, notebook):
        notebook.error = OSError("the server is down")
        log(folder, notebook)
        key = json.loads((folder / "logs.json").read_text())["key"]
        notebook.error = None
        (outcome,) = log(folder, notebook)
        assert outcome.is_new
        assert notebook.runs[0].key == key


class TestARunThatCannotBeLogged:
    def test_is_one_that_is_not_finished(self, data, folder, notebook):
        with pytest.raises(KeyboardInterrupt):
            run_pope(data, folder, FakeEngine(stop_after=3))
        with pytest.raises(UserError, match="has no scores yet"):
            log(folder, notebook)

    def test_is_one_that_another_process_writes(self, run, folder, notebook):
        with lock_run_folder(folder), pytest.raises(UserError, match="is being written by"):
            log(folder, notebook)

    def test_is_one_with_a_damaged_record(self, run, folder, notebook):
        (folder / "logs.json").write_text("{")
        with pytest.raises(UserError, match=r"logs.json cannot be read: .*; delete it"):
            log(folder, notebook)


def test_scores_of_a_judge_are_logged_beside_the_runs_own_and_under_its_name(tmp_path, notebook):
    mmvet(tmp_path)
    run = tmp_path / "run"
    finish_run(tmp_path, "mmvet", ["7"] * 6, run)
    log(run, notebook, data=tmp_path)
    with fake_server(lambda body, number: chat("0.5")) as server:
        judge = ["--judge", "openai:wise", "--base-url", server.url]
        assert main(["judge", "mmvet", str(run), *judge, "--data", str(tmp_path)]) == 0
    (outcome,) = log(run, notebook, data=tmp_path)
    assert outcome.is_new
    before, after = notebook.runs
    (folder,) = (run / "judged").iterdir()
    (task,) = json.loads((folder / "scores.json").read_text())["tasks"]
    overall = next(one for one in task["metrics"] if not one["group"])
    name = f"judged/{folder.name}"
    assert after.numbers[f"{name}/{overall['name']}"] == overall["value"]
    assert not [key for key in before.numbers if key.startswith("judged/")]
    assert after.name == before.name == "openai:m"
    assert {row.protocol for row in after.scores} == {task["protocol"]}
    assert {sample.score for sample in notebook.samples[1][name]} == {0.5}
