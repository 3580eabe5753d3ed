"""`evaluate(log=...)` and `Run.log`: as --log and the command `log`."""

import pytest

import emma_eval
from emma_eval import registry
from emma_eval.errors import EmmaEvalWarning, UserError
from tests.fakes import FakeEngine, run_pope
from tests.notebook import NOTEBOOKS, Notebook


@pytest.fixture(autouse=True)
def _notebook(monkeypatch):
    monkeypatch.setitem(registry.SHIPPED["loggers"], "notebook", "tests.notebook:open_notebook")
    NOTEBOOKS.clear()


def evaluate(data, folder, **options):
    chosen = {"data": data, "output": folder, "allow_partial": True, "fingerprint": "1", "progress": False} | options
    return emma_eval.evaluate(FakeEngine(), "pope", **chosen)


def test_a_run_is_logged_when_it_is_scored(data, folder):
    run = evaluate(data, folder, log=["notebook:a", "notebook:b"], log_samples=4)
    for name in "ab":
        (logged,) = NOTEBOOKS[name].runs
        assert logged.folder == run.path
        assert [len(rows) for rows in NOTEBOOKS[name].samples[0].values()] == [4]
        assert NOTEBOOKS[name].samples[0]["pope"][0].question.startswith("Is there a")


def test_a_run_is_logged_later_and_once(data, folder):
    run_pope(data, folder)
    run = emma_eval.load_run(folder, data=data)
    assert [(one.link, one.is_new) for one in run.log("notebook:a")] == [("page 1", True)]
    assert [(one.link, one.is_new) for one in run.log("notebook:a")] == [("page 1", False)]


def test_a_target_that_fails_costs_a_warning_and_not_the_run(data, folder):
    NOTEBOOKS["a"] = Notebook(error=OSError("the pen is dry"))
    with pytest.warns(EmmaEvalWarning, match="not logged to notebook:a: OSError: the pen is dry"):
        assert evaluate(data, folder, log="notebook:a").status == "finished"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"log": "notebok:x"}, "log notebok:x: no logs are known as 'notebok'; did you mean 'notebook'"),
        ({"log": "notebook:torn"}, "the notebook is torn"),
        ({"log": "notebook:a", "answers_only": True}, "log shows scores, which answers_only and shard leave"),
        ({"log": "notebook:a", "log_samples": -1}, "log_samples=-1: a number of 0 or more is expected"),
        ({"log": 5}, "log=5"),
    ],
)
def test_a_mistake_is_said_before_anything_is_asked(data, folder, options, message):
    with pytest.raises(UserError, match=message):
        evaluate(data, folder, **options)
    assert not folder.exists()
