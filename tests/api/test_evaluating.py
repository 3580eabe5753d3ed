"""`evaluate` is the command `run`, called from Python: same scores, same refusals, no trace on the process."""

import asyncio
import inspect
import signal
import threading
import warnings

import pytest

import emma_eval
from emma_eval.cli import run as run_command
from emma_eval.cli.arguments import Parser
from emma_eval.cli.main import main
from emma_eval.errors import EmmaEvalError, EmmaEvalWarning, UserError
from emma_eval.runs.runner import TooManyFailuresError
from tests.fakes import REQUESTS, FakeEngine, quiz_row, write_quiz

SAME = ("scores.json", "samples/pope.jsonl", "leaderboard.md", "leaderboard.csv", "statistics/pope.json")


@pytest.fixture(autouse=True)
def _below_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def evaluate(root, folder, model=None, **options):
    chosen = {"data": root, "output": folder, "allow_partial": True, "fingerprint": "1", "progress": False} | options
    return emma_eval.evaluate(model or FakeEngine(), "pope", **chosen)


class Yes:
    def generate(self, messages):
        return ["yes"] * len(messages)


class TestAsTheCommand:
    def test_its_options_are_those_of_the_command(self):
        parser = Parser("run", "")
        run_command.add_arguments(parser)
        options = {action.dest for action in parser._actions} - {"help"}
        own = {"fingerprint", "progress"}
        assert set(inspect.signature(emma_eval.evaluate).parameters) == options | own

    def test_its_defaults_are_those_of_the_command(self):
        parser = Parser("run", "")
        run_command.add_arguments(parser)
        parameters = inspect.signature(emma_eval.evaluate).parameters
        for action in parser._actions:
            if action.dest != "help":
                default = parameters[action.dest].default
                assert (default or None) == (action.default or None), action.dest

    def test_scores_are_the_same_to_the_byte(self, tmp_path):
        ours, theirs = tmp_path / "python", tmp_path / "command"
        emma_eval.evaluate("emma-mini", ["pope_mini"], limit=20, seed=3, name="the same", output=ours, progress=False)
        command = ["run", "--tasks", "pope_mini", "--limit", "20", "--seed", "3", "--name", "the same"]
        assert main([*command, "--output", str(theirs)]) == 0
        for name in ("scores.json", "samples/pope_mini.jsonl", "leaderboard.md", "statistics/pope_mini.json"):
            assert (ours / name).read_bytes() == (theirs / name).read_bytes()

    def test_the_command_goes_on_in_its_default_folder(self, capsys):
        run = emma_eval.evaluate("emma-mini", "pope_mini", limit=10, progress=False)
        assert run.path.parts[:2] == ("results", "runs")
        assert main(["run", "--tasks", "pope_mini", "--limit", "10"]) == 0
        assert f"everything is answered already in {run.path}" in capsys.readouterr().err
        assert len(run.manifest.sessions) == 2

    def test_the_call_is_on_record(self, data, folder):
        run = evaluate(data, folder, max_errors="50%", model=FakeEngine())
        command = run.manifest.sessions[0].command
        assert command[0] == "emma_eval.evaluate"
        assert {"model='FakeEngine'", "tasks=['pope']", "allow_partial=True", "max_errors='50%'"} <= set(command)
        assert not any(part.startswith("limit") for part in command)


class TestGoingOn:
    def test_after_an_interrupt_the_same_call_asks_the_rest(self, data, tmp_path):
        whole, broken = tmp_path / "whole", tmp_path / "broken"
        evaluate(data, whole)
        with pytest.raises(KeyboardInterrupt):
            evaluate(data, broken, FakeEngine(stop_after=5))
        assert emma_eval.load_run(broken).status == "interrupted"
        rest = FakeEngine()
        evaluate(data, broken, rest)
        assert len(rest.requests) == REQUESTS - 5
        assert [(broken / name).read_bytes() for name in SAME] == [(whole / name).read_bytes() for name in SAME]

    def test_another_fingerprint_is_another_model(self, data, folder):
        evaluate(data, folder)
        with pytest.raises(UserError, match="the model FakeEngine has changed"):
            evaluate(data, folder, fingerprint="2")

    def test_without_a_fingerprint_a_warning_says_that_it_cannot(self, data, folder):
        with pytest.warns(EmmaEvalWarning, match="a run of Yes cannot be resumed: give it, or evaluate\\(\\)") as seen:
            evaluate(data, folder, Yes(), fingerprint=None)
        assert seen[0].filename == __file__
        for again in (Yes(), FakeEngine()):
            with pytest.raises(UserError, match=r"holds a run already, and whether .* began it cannot be told"):
                evaluate(data, folder, again, fingerprint=None)

    @pytest.mark.filterwarnings("ignore::emma_eval.errors.EmmaEvalWarning")
    def test_without_one_every_call_has_a_folder_of_its_own(self, data):
        model = Yes()
        folders = {evaluate(data, None, model, fingerprint=None).path for _ in range(2)}
        assert len(folders) == 2

    def test_with_one_the_folder_is_found_again(self, data):
        first, second, other = (evaluate(data, None, Yes(), fingerprint=text).path for text in "aab")
        assert first == second != other


class TestTheCallersProcess:
    def test_signal_handlers_are_left_alone(self, data, folder):
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = [signal.getsignal(number) for number in numbers]
        evaluate(data, folder)
        assert [signal.getsignal(number) for number in numbers] == before

    def test_it_runs_within_an_event_loop(self, data, folder):
        async def cell():
            return evaluate(data, folder).status

        assert asyncio.run(cell()) == "finished"

    def test_threads_have_tasks_of_their_own(self, tmp_path):
        """Two folders with a task of one name, each known to one thread alone."""
        done = {}

        def work(name, count):
            root = tmp_path / name
            write_quiz(root, [quiz_row(number) for number in range(count)])
            for _ in range(3):
                places = {"data": root / "data", "task_dir": root / "tasks", "output": root / "run"}
                run = emma_eval.evaluate(Yes(), "quiz", **places, fingerprint="1", progress=False)
                done.setdefault(name, set()).add((len(run.samples), run.status))

        threads = [threading.Thread(target=work, args=(name, count)) for name, count in (("a", 3), ("b", 5))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert done == {"a": {(3, "finished")}, "b": {(5, "finished")}}
        assert "quiz" not in emma_eval.list_tasks()

    def test_nothing_is_printed_if_nothing_shall_be(self, data, folder, capsys):
        evaluate(data, folder)
        assert capsys.readouterr() == ("", "")
        evaluate(data, folder, progress=True)
        assert "everything is answered already" in capsys.readouterr().err


class TestRefusing:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"output": ""}, "output='': a folder's name is expected"),
            ({"limit": 0}, "limit=0: a number above 0 is expected"),
            ({"limit": "5"}, "limit='5': '5' is not a whole number"),
            ({"limit": True}, "limit=True: True is not a whole number"),
            ({"batch_size": 1.5}, "batch_size=1.5: 1.5 is not a whole number"),
            ({"max_errors": "many"}, "'many' is neither a number of errors"),
            ({"shard": "9/8"}, "'9/8': shards are numbered from 1 to 8"),
            ({"name": ""}, "'' is no name of 1 to 80 printable characters"),
            ({"protocol": {"gqa": "official"}}, "task 'gqa' is not among those run"),
            ({"protocol": "gqa=official"}, "protocol='gqa=official': a mapping of keys to values is expected"),
            ({"file": {"random": "x"}}, "file 'random': a key TASK.KEY is expected"),
            ({"file": {"pope.rnd": "x"}}, "task pope has no file 'rnd'; did you mean 'random'?"),
            ({"device": "cuda"}, "device: the model is an object, loaded already"),
            ({"engine": "vllm"}, "engine: the model is an object, loaded already"),
            ({"replicas": 2}, "replicas: the model is an object, loaded already"),
            ({"fingerprint": ""}, "fingerprint '': a text is expected"),
            ({"data": "nowhere"}, "nowhere: no such folder"),
            ({"task_dir": "nowhere"}, "--task-dir nowhere: no such folder"),
        ],
    )
    def test_a_mistake_is_one_line(self, data, folder, options, message):
        with pytest.raises(UserError) as refused:
            evaluate(data, folder, **options)
        assert message in str(refused.value)
        assert "\n" not in str(refused.value)
        assert not folder.exists()

    @pytest.mark.parametrize("tasks", ["", " , ", [], "popes", 5, ["pope", 5]])
    def test_tasks_that_are_none(self, tasks):
        with pytest.raises(UserError):
            emma_eval.evaluate(FakeEngine(), tasks, fingerprint="1")

    def test_an_unknown_keyword_is_pythons_own_error(self):
        with pytest.raises(TypeError, match="limits"):
            emma_eval.evaluate("emma-mini", "pope_mini", limits=5)

    def test_too_many_failures(self, data, folder):
        (data / "pope" / "val2014" / "b.jpg").unlink()
        with pytest.raises(TooManyFailuresError, match="more than --max-errors 2 allows") as stop:
            evaluate(data, folder, max_errors=2)
        assert isinstance(stop.value, EmmaEvalError)
        assert emma_eval.load_run(folder).status == "stopped"

    def test_numpys_numbers_are_numbers(self, data, folder):
        import numpy as np

        assert len(evaluate(data, folder, limit=np.int64(3)).samples) == 3


class TestModels:
    def test_a_function_answers_message_by_message(self, data, folder):
        run = evaluate(data, folder, lambda message: "yes" if "cat 0" in message.text else "no")
        answers = run.samples.set_index("question")["answer"]
        assert answers["Is there a random cat 0?"] == "yes"
        assert answers["Is there a random cat 1?"] == "no"
        assert run.manifest.model.name == "function"

    @pytest.mark.parametrize("answer", [None, 5, ["yes"]])
    def test_a_function_that_gives_no_text_is_named(self, data, folder, answer):
        with pytest.raises(UserError, match="the function that is the model must give a text for a message"):
            evaluate(data, folder, lambda message: answer)

    def test_what_a_model_raises_at_every_message_comes_out_as_it_is(self, data, folder):
        class Broken:
            def generate(self, messages):
                raise ZeroDivisionError("my own fault")

        with pytest.raises(ZeroDivisionError, match="my own fault"):
            evaluate(data, folder, Broken())

    def test_a_failed_sample_is_counted_not_raised(self, data, folder):
        (data / "pope" / "val2014" / "b.jpg").write_bytes(b"broken")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            run = evaluate(data, folder, Yes())
        assert run.failed == REQUESTS // 2
        failed = run.samples.query("status == 'failed'")
        assert len(failed) == REQUESTS // 2
        assert failed["error"].str.contains("b.jpg").all()
        assert failed["answer"].isna().all()
        assert (failed["score"] == 0).all()
