"""`noise` and what takes its file: `compare --noise`, `plan --noise`."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from scipy.stats import binomtest

from emma_eval.cli.main import main
from emma_eval.types import Failure
from tests.fake_server import chat, fake_server
from tests.fakes import REQUESTS, FakeEngine, FakeHandle, run_pope


class Unsteady(FakeEngine):
    """Answers otherwise the second time: of a question of each category the wrong way, of another with a full stop."""

    def respond(self, request):
        answer = super().respond(request)
        if len(self.requests) <= REQUESTS or isinstance(answer, Failure):
            return answer
        if request.sample_id == "0":
            return replace(answer, text={"Yes": "No", "No": "Yes"}[answer.text])
        return replace(answer, text=f"{answer.text}.") if request.sample_id in ("1", "5") else answer


@pytest.fixture
def model(monkeypatch):
    monkeypatch.setattr("emma_eval.models.find_model", lambda spec: FakeHandle(engine))
    engine = Unsteady()
    return engine


@pytest.fixture
def noise(data, tmp_path, model):
    """Runs the command; its file."""

    def call(*more):
        given = ["--tasks", "pope", "--data", data, "--allow-partial", "--output", tmp_path / "noise"]
        return main(["noise", "fake", *map(str, given), *more])

    return call


def test_it_counts_the_answers_and_the_scores_that_change(noise, tmp_path, model, capsys):
    assert noise() == 0
    assert len(model.requests) == 2 * REQUESTS
    record = json.loads((tmp_path / "noise" / "noise.json").read_text())
    (task,) = record["tasks"]
    assert task == {"task": "pope", "answers": 12, "changed_answers": 3, "samples": 12, "changed_scores": 1}
    assert (record["first"]["batch_size"], record["second"]["batch_size"]) == ("auto", 1)
    shown = capsys.readouterr().out
    interval = binomtest(3, 12).proportion_ci(method="exact")
    assert f"3 = 25.00% [{100 * interval.low:.2f}, {100 * interval.high:.2f}]" in shown
    assert "fake, asked twice: batch size auto, float32; batch size 1, float32" in shown
    assert max(map(len, shown.splitlines())) <= 80 + len(str(tmp_path))


def test_it_goes_on_and_asks_nothing_twice(noise, tmp_path, model):
    model.stop_after = REQUESTS + 5
    assert noise() == 130
    model.stop_after = None
    assert noise() == 0
    assert len(model.requests) == 2 * REQUESTS
    assert json.loads((tmp_path / "noise" / "noise.json").read_text())["tasks"][0]["changed_answers"] == 3


def test_a_folder_with_answers_in_batches_of_another_size_is_refused(noise, capsys):
    assert noise() == 0
    assert noise("--batch-size-b", "2") == 2
    assert "second was asked with batch size 1, so what would change" in capsys.readouterr().err
    assert noise() == 0


def test_two_times_the_same_is_refused(capsys):
    assert main(["noise", "emma-mini", "--batch-size", "1"]) == 2
    assert capsys.readouterr().err.startswith(
        "error: both runs would be asked alike, so nothing would differ: give the second --batch-size-b"
    )


def test_a_server_is_just_asked_again(data, tmp_path, capsys):
    """It makes its own batches."""

    def behave(body, number):
        return chat("No" if number == REQUESTS + 2 else "Yes")

    with fake_server(behave) as server:
        given = ["--tasks", "pope", "--data", str(data), "--allow-partial", "--output", str(tmp_path / "noise")]
        assert main(["noise", "openai:m", "--base-url", server.url, *given]) == 0
    record = json.loads((tmp_path / "noise" / "noise.json").read_text())
    assert record["first"] == record["second"]
    assert (record["tasks"][0]["changed_answers"], record["tasks"][0]["changed_scores"]) == (1, 1)
    assert "1 = 8.33%" in capsys.readouterr().out


def test_compare_and_plan_name_it(noise, data, tmp_path, capsys):
    assert noise() == 0
    for name in ("one", "two"):
        run_pope(data, tmp_path / name)
    file = str(tmp_path / "noise" / "noise.json")
    capsys.readouterr()
    assert main(["compare", str(tmp_path / "one"), str(tmp_path / "two"), "--noise", file]) == 0
    assert " ".join(capsys.readouterr().out.split()).endswith("; batching alone changes 25% of the answers")
    assert main(["plan", "pope", "--noise", file]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    # 1.96 * sqrt(1 / 12 / 9,000) in points
    assert "of the scores: among 9,000 samples, a difference of up to 0.6 points by itself" in shown


def test_a_file_of_other_tasks_or_no_such_file_is_one_line(noise, data, tmp_path, capsys):
    assert noise() == 0
    file = tmp_path / "noise" / "noise.json"
    file.write_text(file.read_text().replace('"pope"', '"gqa"'))
    for name in ("one", "two"):
        run_pope(data, tmp_path / name)
    capsys.readouterr()
    assert main(["compare", str(tmp_path / "one"), str(tmp_path / "two"), "--noise", str(file)]) == 2
    assert main(["plan", "pope", "--noise", str(file)]) == 2
    file.write_text(file.read_text().replace('"changed_answers": 3', '"changed_answers": 30'))
    assert main(["plan", "gqa", "--noise", str(file)]) == 2
    assert main(["plan", "gqa", "--noise", str(tmp_path / "one" / "scores.json")]) == 2
    compared, planned, more, other = capsys.readouterr().err.splitlines()
    assert compared.endswith("it is of gqa, which are not compared")
    assert planned.endswith("it is of gqa, not of pope")
    assert "task gqa: more has changed than there is" in more
    assert "a file that the command noise wrote is expected" in other
