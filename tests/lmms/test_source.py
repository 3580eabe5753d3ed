"""Tasks of lmms-eval as tasks of this program: what is asked, what is scored and recorded, what is refused."""

import json

import pytest

from emma_eval.cli.main import main
from emma_eval.errors import MissingToolError, UserError
from emma_eval.lmms.source import SOURCE
from emma_eval.models.base import ModelSpec
from emma_eval.prompts.building import build_requests
from emma_eval.results.manifest import read_manifest
from emma_eval.results.scores import read_scores
from emma_eval.runs.progress import PlainProgress
from emma_eval.runs.runner import run_evaluation
from emma_eval.runs.settings import RunSettings
from emma_eval.tasks.index import expand_tasks
from emma_eval.tasks.loading import load_task
from emma_eval.tasks.sources import extra_include_paths
from emma_eval.types import Generation
from tests.fakes import FakeEngine, FakeHandle, command_output
from tests.lmms.quiz import SCORING, UTILS

OWN_SCORING = """\
generation_kwargs: {max_new_tokens: 5, until: ["."]}
process_results: !function utils.process_results
metric_list:
  - {metric: hits, aggregation: !function utils.total, higher_is_better: true}
  - {metric: named, aggregation: !function utils.names, higher_is_better: false}
"""
FILTERED = SCORING + "filter_list: [{name: none}, {name: upper}]\n"


class SaysYes(FakeEngine):
    def respond(self, request):
        return Generation("Yes. And more.", (1, 2), "stop", prompt=request.message)


def evaluate(folder, include, name="quiz", engine=None, **changes):
    settings = RunSettings(ModelSpec("fake"), (f"lmms:{name}",), f"lmms:{name}", **changes)
    with extra_include_paths([include]):
        return run_evaluation(settings, folder, PlainProgress(), FakeHandle(engine or FakeEngine()))


@pytest.mark.usefixtures("installed")
class TestAsking:
    def test_the_message_is_the_tasks_text_with_a_marker_before_it(self, write_task):
        with extra_include_paths([write_task()]):
            task = load_task("lmms:quiz")
            samples = SOURCE.reader("quiz").read_files({})
        first = next(build_requests(task, samples))
        assert first.message == "<image>\nWhat is 0?\nAnswer in a word."
        assert first.instruction == "What is 0?"
        assert first.max_new_tokens == 5
        assert [(sample.id, sample.references) for sample in samples[:2]] == [("0", ("Yes",)), ("1", ("No",))]

    def test_mplug_owl2_has_its_marker_straight_before_the_text(self, write_task):
        with extra_include_paths([write_task()]):
            task = load_task("lmms:quiz")
            samples = SOURCE.reader("quiz").read_files({})
        request = next(build_requests(task.with_wording(task.wording_for("mplug_owl2")), samples))
        assert request.message == "<image>What is 0?\nAnswer in a word."

    def test_questions_on_one_image_share_it(self, write_task):
        with extra_include_paths([write_task(images=3)]):
            load_task("lmms:quiz")
            samples = SOURCE.reader("quiz").read_files({})
        assert len({sample.images for sample in samples}) == 3

    def test_a_group_is_its_tasks(self, write_task):
        folder = write_task()
        write_task("other")
        (folder / "group.yaml").write_text("group: both\ntask: [quiz, other]\n")
        with extra_include_paths([folder]):
            assert expand_tasks(["lmms:both", "pope", "lmms:quiz"]) == ["lmms:quiz", "lmms:other", "pope"]
            with pytest.raises(UserError, match="lmms:both is a group of lmms-eval; one task is expected: quiz, other"):
                load_task("lmms:both")


@pytest.mark.usefixtures("installed")
class TestScoring:
    def test_the_mean_of_documents_has_an_interval(self, write_task, tmp_path):
        evaluate(tmp_path / "run", write_task(images=8))
        (task,) = read_scores(tmp_path / "run").tasks
        answers = [json.loads(line) for line in (tmp_path / "run/responses/lmms:quiz.jsonl").read_text().splitlines()]
        right = sum(row["text"] == ("Yes", "No")[int(row["id"]) % 2] for row in answers)
        metric = task.find("exact_match")
        assert metric.value == right / 16
        assert metric.interval.low < metric.value < metric.interval.high
        assert task.mean_score == right / 16

    def test_the_tasks_own_functions_score_what_stands_before_its_stop_text(self, write_task, tmp_path):
        evaluate(tmp_path / "run", write_task(scoring=OWN_SCORING), engine=SaysYes())
        (task,) = read_scores(tmp_path / "run").tasks
        metric = task.find("hits")
        assert metric.value == 200  # of two right documents, on the task's own scale
        assert metric.no_interval == "the scorer does not say what each sample adds to it"
        assert task.find("named") is None
        assert "named: its aggregation gives no number" in task.notes
        assert task.mean_score == 0.5
        sample = json.loads((tmp_path / "run/samples/lmms:quiz.jsonl").read_text().splitlines()[0])
        assert sample["parsed_answer"] == "Yes"

    def test_each_filter_has_its_own_metric(self, write_task, tmp_path):
        evaluate(tmp_path / "run", write_task(scoring=FILTERED), engine=SaysYes())
        (task,) = read_scores(tmp_path / "run").tasks
        assert [(metric.name, metric.value) for metric in task.metrics] == [
            ("exact_match", 0.0),
            ("exact_match,upper", 0.0),
        ]

    def test_a_document_without_an_answer_is_scored_as_an_empty_one(self, write_task, tmp_path):
        folder = write_task()
        result = evaluate(tmp_path / "run", folder, engine=FakeEngine(), limit=2)
        assert result.failed == 0
        (task,) = read_scores(tmp_path / "run").tasks
        assert task.counts.samples == 2
        assert not task.complete

    def test_a_function_that_fails_is_one_line_that_names_the_document(self, write_task, tmp_path):
        utils = "def doc_to_visual(doc):\n    return []\ndef doc_to_text(doc):\n    return '?'\n"
        utils += "def process_results(doc, results):\n    return 1 / 0\ntotal = names = len\n"
        with pytest.raises(UserError, match=r"^task lmms:quiz, document 0: process_results fails: .*division by zero"):
            evaluate(tmp_path / "run", write_task(scoring=OWN_SCORING, utils=utils))


@pytest.mark.usefixtures("installed")
class TestTheRecord:
    def test_names_version_definition_and_data(self, write_task, tmp_path):
        folder = write_task()
        evaluate(tmp_path / "run", folder)
        manifest = read_manifest(tmp_path / "run")
        facts = manifest.tasks["lmms:quiz"]
        assert facts.protocol == "lmms-eval 0.7.3"
        assert set(facts.data) == {"definition", "dataset", "rows.parquet"}
        assert facts.data["dataset"] == "parquet test"
        assert manifest.sessions[0].versions["lmms-eval"] == "0.7.3"
        (task,) = read_scores(tmp_path / "run").tasks
        definition = facts.data["definition"][:12]
        assert task.notes[-1] == (
            f"scored by the functions of lmms-eval 0.7.3 (task version Yaml, definition {definition})"
        )

    def test_a_run_goes_on_where_it_stopped(self, write_task, tmp_path):
        folder = write_task(images=8)
        with pytest.raises(KeyboardInterrupt):
            evaluate(tmp_path / "run", folder, engine=FakeEngine(stop_after=5))
        rest = FakeEngine()
        evaluate(tmp_path / "run", folder, engine=rest)
        assert len(rest.requests) == 11

    def test_a_changed_definition_is_another_run(self, write_task, tmp_path):
        evaluate(tmp_path / "run", write_task())
        from emma_eval.lmms.definition import load_definition

        load_definition.cache_clear()
        folder = write_task(scoring=SCORING.replace("exact_match,", "exact_match, ignore_case: true,"))
        with pytest.raises(UserError, match="the task file of lmms:quiz has changed"):
            evaluate(tmp_path / "run", folder)


REFUSED = {
    "output_type: multiple_choice": "needs likelihoods of given texts",
    "output_type: generate_until_multi_round": "asks in rounds",
    "repeats: 8": "asks each question 8 times; greedy answers are all alike",
    "generation_kwargs: {temperature: 0.7}": "temperature 0.7",
    "process_results: !function utils.judged": "scored by a judge (its functions call httpx)",
}
JUDGED = "\ndef judged(doc, results):\n    import httpx\n    return httpx.get('http://judge').json()\n"


@pytest.mark.usefixtures("installed")
class TestRefusals:
    @pytest.mark.parametrize(("line", "reason"), REFUSED.items())
    def test_what_cannot_be_asked_or_scored_here(self, write_task, capsys, line, reason, tmp_path):
        scoring = SCORING.replace("generation_kwargs: {max_new_tokens: 5, temperature: 0}\n", "") + line + "\n"
        folder = write_task(scoring=scoring, utils=UTILS + JUDGED)
        (folder / "rows.parquet").unlink()  # the reason is given before the data are read
        arguments = ["run", "--tasks", "lmms:quiz", "--include-path", str(folder), "--output", str(tmp_path / "run")]
        printed = command_output(capsys, arguments, 2)
        assert printed.count("\n") == 1
        assert reason in printed

    def test_missing_data(self, write_task, capsys):
        folder = write_task()
        (folder / "rows.parquet").unlink()
        printed = command_output(capsys, ["show", "lmms:quiz", "--include-path", str(folder)], 2)
        assert "task lmms:quiz: its data set parquet cannot be loaded: " in printed

    def test_an_unknown_name(self, write_task, capsys):
        printed = command_output(capsys, ["show", "lmms:quizz", "--include-path", str(write_task())], 2)
        assert printed == "error: lmms-eval has no task 'quizz'; did you mean 'quiz'?\n"

    def test_a_name_that_lmms_eval_has_itself(self, write_task, capsys):
        printed = command_output(capsys, ["show", "lmms:pope", "--include-path", str(write_task("pope"))], 2)
        assert "has a task or group 'pope' of its own" in printed

    def test_a_folder_that_does_not_exist(self, capsys):
        assert main(["show", "lmms:quiz", "--include-path", "/nowhere"]) == 2
        assert capsys.readouterr().err == "error: --include-path /nowhere: no such folder\n"


def test_without_lmms_eval_it_says_what_to_install(monkeypatch):
    from importlib import metadata

    def version(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(MissingToolError, match=r"need the package lmms-eval: pip install 'emma-eval\[lmms\]'"):
        load_task("lmms:pope")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("command", ["show", "check", "explain"])
def test_commands_about_tasks_know_them(write_task, capsys, command):
    printed = command_output(capsys, [command, "lmms:quiz", "--include-path", str(write_task())], 0)
    assert "lmms:quiz" in printed
    assert "4" in printed
