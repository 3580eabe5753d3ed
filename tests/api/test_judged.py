"""Scores that judge models gave a run's answers: in `scores`, told apart, and each as a run of its own."""

import shutil

import pytest

import emma_eval
from emma_eval.cli.main import main
from emma_eval.errors import UserError
from tests import judged_runs
from tests.fake_server import chat, fake_server


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A run of MM-Vet that the model `judge` has given 0.5 throughout."""
    folder = tmp_path_factory.mktemp("mmvet")
    judged_runs.mmvet(folder / "data")
    judged_runs.finish_run(folder / "data", "mmvet", [f"answer {n}" for n in range(6)], folder / "run")
    judge(folder, "judge", "0.5")
    return folder


@pytest.fixture
def folder(judged, tmp_path):
    shutil.copytree(judged, tmp_path, dirs_exist_ok=True)
    return tmp_path


def judge(folder, name, verdict):
    with fake_server(lambda body, number: chat(verdict)) as server:
        given = ["--judge", f"openai:{name}", "--base-url", server.url, "--data", str(folder / "data")]
        assert main(["judge", "mmvet", str(folder / "run"), *given]) == 0


def load(folder):
    return emma_eval.load_run(folder / "run", data=folder / "data")


def test_scores_are_the_judges_and_say_so(folder):
    run = load(folder)
    first = run.scores.iloc[0]
    assert (first["task"], first["metric"], first["value"]) == ("mmvet", "score", 50.0)
    assert "judged by judge as served-name" in first["protocol"]
    assert run.scores["value"].notna().all()
    assert run.score("mmvet") == 50.0
    assert "judged by judge" in repr(run)
    assert "judged by judge" in run._repr_html_()


def test_samples_have_scores_in_the_judges_own_run_alone(folder):
    run = load(folder)
    (alone,) = run.judged.values()
    assert run.samples["score"].isna().all()
    samples = alone.samples
    assert list(samples["score"]) == [0.5] * 6
    unscored = ["score", "parsed_answer"]
    assert samples.drop(columns=unscored).equals(run.samples.drop(columns=unscored))
    assert samples["question"].notna().all()
    assert emma_eval.load_run(alone.path).path == alone.path
    assert (alone.tasks, alone.status, alone.score("mmvet")) == (("mmvet",), "finished", 50.0)


def test_two_judges_are_never_one(folder):
    judge(folder, "other", "1.0")
    run = load(folder)
    assert sorted(run.scores.query("primary")["value"]) == [50.0, 100.0]
    with pytest.raises(UserError, match=r"scored by several judges: take one of run\.judged, mmvet-"):
        run.score("mmvet")
    assert sorted(one.score("mmvet") for one in run.judged.values()) == [50.0, 100.0]


def test_what_no_judge_has_judged_has_no_score(folder):
    shutil.rmtree(folder / "run" / "judged")
    with pytest.raises(UserError, match=r"task mmvet has no score here: .* a judge model gives it"):
        load(folder).score("mmvet")


def test_answers_that_have_changed_since_are_refused(folder):
    judged_runs.change_answer(folder / "run", "mmvet", "answer 3", "answer 4")
    with pytest.raises(UserError, match="have changed since they were judged"):
        _ = load(folder).scores
    assert "answer 4" in set(load(folder).samples["answer"])


def test_such_a_run_is_compared_and_logged(folder, monkeypatch):
    from emma_eval import registry
    from tests.notebook import NOTEBOOKS

    run = load(folder)
    assert run.compare(run).table["first"][0] == 50.0
    monkeypatch.setitem(registry.SHIPPED["loggers"], "notebook", "tests.notebook:open_notebook")
    (outcome,) = run.log("notebook:judged")
    assert not outcome.problem
    assert NOTEBOOKS["judged"].runs[0].folder == run.path
