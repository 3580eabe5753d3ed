"""`Run`: what a run folder says, in whatever state it is."""

import json
import re
import shutil
from pathlib import Path

import pytest

import emma_eval
from emma_eval.errors import EmmaEvalWarning, UserError
from emma_eval.models.base import ModelSpec
from emma_eval.runs.progress import PlainProgress
from emma_eval.runs.runner import run_evaluation
from emma_eval.runs.settings import RunSettings
from tests.fakes import REQUESTS, FakeEngine, FakeHandle, quiz_row, run_pope, write_quiz

pytestmark = pytest.mark.usefixtures("warnings_are_errors")

KNOWN = ["question", "references", "options", "category", "images"]  # from the data
EARLIER = Path(__file__).parents[1] / "results" / "earlier_run"


class TestAFinishedRun:
    @pytest.fixture
    def run(self, data, folder):
        run_pope(data, folder)
        return emma_eval.load_run(folder, data=data)

    def test_joins_questions_answers_and_scores(self, run, data, folder):
        first = run.samples.iloc[0]
        assert first["question"] == "Is there a random cat 0?"
        assert first["references"] == ["yes"]
        assert first["images"] == [str(data / "pope" / "val2014" / "a.jpg")]
        assert (first["category"], first["status"], first["finish_reason"]) == ("random", "answered", "stop")
        assert (first["tokens"], first["passes"]) == (2, 1)
        responses = [json.loads(line) for line in (folder / "responses" / "pope.jsonl").read_text().splitlines()]
        assert list(run.samples["answer"]) == [one["text"] for one in responses]
        assert list(run.samples["prompt"]) == [one["prompt"] for one in responses]

    def test_scores_are_those_of_the_file(self, run, folder):
        task = json.loads((folder / "scores.json").read_text())["tasks"][0]
        assert len(run.scores) == len(task["metrics"])
        first = run.scores.iloc[0]
        metric = next(one for one in task["metrics"] if one["name"] == "f1" and not one["group"])
        assert (first["metric"], first["primary"], first["value"]) == ("f1", True, metric["value"])
        assert (first["samples"], first["failed"], first["truncated"]) == (REQUESTS, 0, 0)
        assert not first["complete"]
        by_name = run.scores.set_index(["metric", "group", "category"])
        for one in task["metrics"]:
            row = by_name.loc[(one["name"], one["group"], one["category"])]
            assert row["value"] == one["value"]
            assert row["low"] == one["interval"]["low"] if one["interval"] else row["no_interval"]

    def test_mean_scores_are_the_accuracy(self, run):
        assert run.samples["score"].mean() == pytest.approx(run.score("pope", "accuracy"))

    def test_a_single_score_is_the_primary_metric(self, run):
        assert run.score("pope") == run.score("pope", "f1") == run.scores["value"][0]
        with pytest.raises(UserError, match="has no task 'popes'; did you mean 'pope'"):
            run.score("popes")
        with pytest.raises(UserError, match="has no metric 'acuracy'; did you mean 'accuracy'"):
            run.score("pope", "acuracy")

    def test_frames_may_be_changed(self, run):
        samples = run.samples
        samples["score"] = 0.0
        assert run.samples["score"].sum() > 0

    def test_types_are_those_of_numbers_and_texts(self, run):
        types = run.samples.dtypes.astype(str)
        assert (types["score"], types["seconds"], types["tokens"]) == ("float64", "float64", "Int64")

    def test_half_a_surrogate_pair_is_a_replacement_character(self, run, data, folder):
        """JSON can spell one, and a line of a response that another program wrote may hold it."""
        path = folder / "responses/pope.jsonl"
        first, *rest = map(json.loads, path.read_text().splitlines())
        lines = [first | {"text": "yes \ud800"}, *rest]
        path.write_text("".join(json.dumps({k: v for k, v in line.items() if k != "crc32"}) + "\n" for line in lines))
        shown = emma_eval.load_run(folder, data=data)
        assert shown.responses["answer"][0] == "yes \ufffd"
        assert shown.samples["answer"].str.contains("\ufffd").sum() == 1

    def test_tasks_are_read_once_each(self, run):
        assert len(run.samples_of(["pope", "pope"])) == len(run.samples_of("pope")) == REQUESTS

    def test_a_number_of_samples_that_is_none_is_refused(self, run, tmp_path):
        for samples in (0, -1, "some"):
            with pytest.raises(UserError, match="a whole number above 0, 'all' or 'none' is expected"):
                run.report(tmp_path, samples=samples)

    def test_an_unknown_task_is_refused(self, run):
        for read in (run.samples_of, run.responses_of):
            with pytest.raises(UserError, match="has no task 'popes'; did you mean 'pope'"):
                read("popes")

    def test_prints_a_line_a_task(self, run):
        head, _, line = repr(run).splitlines()
        assert head == f"fake: finished ({run.path})"
        assert re.match(r"pope +f1 +\d+\.\d +\[.*\] +12 \(partial\)$", line.strip())

    def test_its_other_views_are_the_commands(self, run, data, tmp_path):
        page = run.report(tmp_path / "page", samples="all")
        assert "Is there a random cat 0?" in page.read_text()
        tables = run.leaderboard(output=tmp_path / "board")
        assert "fake" in repr(tables)
        assert tables.frame["model"].str.startswith("fake").any()
        assert (tmp_path / "board" / "leaderboard.tex").is_file()


class TestWithoutItsData:
    def test_says_so_and_leaves_columns_empty(self, data, folder):
        run_pope(data, folder)
        whole = emma_eval.load_run(folder, data=data).samples
        shutil.rmtree(data / "pope")
        with pytest.warns(EmmaEvalWarning, match=r"pope: question, references, .* are empty: data not found") as seen:
            rest = emma_eval.load_run(folder, data=data).samples
        assert len(seen) == 1
        assert seen[0].filename == __file__
        assert rest[KNOWN].isna().all(axis=None)
        others = [name for name in whole if name not in KNOWN]
        assert rest[others].equals(whole[others])

    def test_other_data_are_not_taken_for_its_own(self, data, folder):
        run_pope(data, folder)
        file = data / "pope" / "coco" / "coco_pope_random.json"
        file.write_text(file.read_text().replace('"yes"', '"no"'))
        with pytest.warns(EmmaEvalWarning, match="not those that the answers were scored by"):
            rest = emma_eval.load_run(folder, data=data).samples
        assert rest[KNOWN].isna().all(axis=None)
        assert rest["answer"].notna().all()

    def test_a_task_of_another_package_is_named(self, tmp_path, data, folder):
        options = write_quiz(tmp_path, [quiz_row(1)])
        places = {"data": options[3], "task_dir": options[1]}
        run = emma_eval.evaluate(lambda _: "red", "quiz", output=folder, fingerprint="1", progress=False, **places)
        assert list(run.samples["references"]) == [["red"]]
        with pytest.warns(EmmaEvalWarning, match="no folder known here has the task quiz"):
            assert list(emma_eval.load_run(folder).samples["answer"]) == ["red"]
        assert list(emma_eval.load_run(folder, **places).samples["question"]) == ["What colour?"]

    def test_a_task_whose_package_is_not_installed_is_named(self, data, folder):
        run_pope(data, folder)
        for path in [*folder.glob("*.json"), *folder.glob("*/pope.json*")]:
            path.write_text(path.read_text().replace('"pope"', '"lmms:pope"'))
            path.rename(path.with_name(path.name.replace("pope", "lmms:pope")))
        run = emma_eval.load_run(folder)
        with pytest.warns(EmmaEvalWarning, match="lmms:pope: question, .* need the package lmms-eval"):
            assert run.samples["answer"].notna().all()
        assert run.scores["value"].notna().all()


class TestATaskThatIsNotScoredHere:
    def test_has_a_row_that_says_why(self, tmp_path):
        rows = [quiz_row(1) | {"a": None}]
        write_quiz(tmp_path, rows)
        task = tmp_path / "tasks" / "quiz.yaml"
        task.write_text(task.read_text().replace(", answer: a", ""))
        places = {"data": tmp_path / "data", "task_dir": tmp_path / "tasks", "output": tmp_path / "run"}
        run = emma_eval.evaluate(lambda _: "red", "quiz", fingerprint="1", progress=False, **places)
        (row,) = run.scores.to_dict("records")
        assert (row["task"], row["metric"], row["samples"]) == ("quiz", "accuracy", 1)
        assert row["value"] != row["value"]
        assert "expected answers are held back" in row["no_interval"]
        assert run.samples["score"].isna().all()
        assert list(run.samples["answer"]) == ["red"]
        assert "not scored here" in repr(run)


class TestACircularTask:
    def test_has_a_row_a_question_and_a_response_a_pass(self, tmp_path):
        run = emma_eval.evaluate("emma-mini", "mmbench_mini", limit=4, output=tmp_path / "run", progress=False)
        assert len(run.samples) == 4
        assert len(run.responses) == run.samples["passes"].sum()
        first = run.samples.iloc[0]
        passes = run.responses.query("id == @first.id").sort_values("pass_index")
        assert first["answer"] == " | ".join(passes["answer"])
        assert first["prompt"] == passes["prompt"].iloc[0]
        assert first["tokens"] == passes["tokens"].sum()

    def test_one_failed_pass_fails_its_question(self, tmp_path):
        class Half:
            def generate(self, messages):
                if len(messages) > 1 or "\nA. 4" in messages[0].text:
                    raise ValueError("no")
                return ["A"]

        options = {"limit": 4, "output": tmp_path / "run", "fingerprint": "1", "progress": False}
        run = emma_eval.evaluate(Half(), "mmbench_mini", **options)
        failed = run.samples.query("status == 'failed'")
        assert len(failed)
        assert failed["error"].eq("ValueError: no").all()
        assert failed["finish_reason"].eq("error").all()
        assert list(run.responses.groupby("id")["error"].count().loc[failed["id"]]) == [1] * len(failed)


class TestAnyFolder:
    def test_a_run_of_an_earlier_version_is_read(self):
        with pytest.warns(EmmaEvalWarning):
            samples = emma_eval.load_run(EARLIER).samples
        assert samples["answer"].notna().any()
        assert emma_eval.load_run(EARLIER).scores["value"].notna().all()

    def test_a_scores_file_stands_for_its_folder(self, data, folder):
        run_pope(data, folder)
        assert emma_eval.load_run(folder / "scores.json").path == folder

    def test_a_folder_that_is_no_run_is_refused(self, tmp_path):
        for path in (tmp_path, tmp_path / "gone"):
            with pytest.raises(UserError, match=r"is not a run folder: it has no manifest\.json"):
                emma_eval.load_run(path)

    @pytest.mark.parametrize("name", ["responses/pope.jsonl", "samples/pope.jsonl", "scores.json", "manifest.json"])
    def test_damage_is_named(self, data, folder, name):
        run_pope(data, folder)
        run = emma_eval.load_run(folder, data=data)
        path = folder / name
        path.write_text("[\n" + path.read_text())
        with pytest.raises(UserError, match=re.escape(str(path))):
            _ = run.samples


class TestHostileText:
    NAME = "<script>alert(1)</script> & co"

    def test_html_is_escaped(self, data, folder):
        settings = RunSettings(ModelSpec("fake"), ("pope",), "pope", data=data, allow_partial=True, name=self.NAME)
        run_evaluation(settings, folder, PlainProgress(), FakeHandle(FakeEngine()))
        run = emma_eval.load_run(folder, data=data)
        for page in (run._repr_html_(), run.compare(run)._repr_html_(), run.leaderboard()._repr_markdown_()):
            assert "<script" not in page
        assert "&lt;script&gt;" in run._repr_html_()
