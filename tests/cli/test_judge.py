"""`judge TASK RUN`: verdicts are recorded, asked once, and their scores are never mixed with those of another judge."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emma_eval.cli.main import main
from emma_eval.results.lock import lock_run_folder
from tests import judged_runs
from tests.fake_server import Reply, chat, error, fake_server, text_of
from tests.judged_runs import by_parity, change_answer, judged_scores, prediction, values, verdicts

ROOT = Path(__file__).parents[2]
Call = Callable[..., int]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data` and a finished `run` of MM-Vet whose answers are `answer 0`, `answer 1`, ..."""
    folder = tmp_path_factory.mktemp("mmvet")
    judged_runs.mmvet(folder / "data")
    judged_runs.finish_run(folder / "data", "mmvet", [f"answer {n}" for n in range(6)], folder / "run")
    return folder


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def call(folder: Path) -> Call:
    def judge(url: str, *more: str, judge: str = "openai:judge", task: str = "mmvet", run: str = "run") -> int:
        where = ["--base-url", url, "--data", str(folder / "data")]
        return main(["judge", task, str(folder / run), "--judge", judge, *where, *more])

    return judge


def words(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed, wherever lines were broken."""
    return " ".join(capsys.readouterr().out.split())


def test_the_judge_is_asked_as_the_official_tool_asks_and_its_scores_bear_its_name(call, folder, capsys) -> None:
    with fake_server(by_parity) as server:
        assert call(server.url) == 0
    assert [{name: body[name] for name in body if name != "messages"} for body in server.bodies] == [
        {"model": "judge", "max_tokens": 3, "temperature": 0.0}
    ] * 6
    shown = words(capsys)
    assert "mmvet, judged by judge as served-name (" in shown
    assert "not comparable with scores of another judge" in shown
    (content,) = judged_scores(folder / "run")
    (task,) = content["tasks"]
    assert content["model"]["name"] == "openai:m"
    assert (task["judge"]["name"], task["judge"]["served_as"], task["judge"]["host"]) == (
        "judge", ["served-name"], "127.0.0.1",
    )  # fmt: skip
    assert (task["judge"]["verdicts"], task["judge"]["unparsed"], task["judge"]["prompt_tokens"]) == (6, 0, 120)
    found = values(content)
    assert (found["score", ""], found["score", "capability math"], found["score", "capability ocr"]) == (
        75.0,
        75.0,
        50.0,
    )
    assert all(metric["interval"] or metric["no_interval"] for metric in task["metrics"])


def test_every_verdict_is_on_record(call, folder) -> None:
    with fake_server(by_parity) as server:
        assert call(server.url, "--model-option", "prompt_price=1000", "--model-option", "completion_price=0") == 0
    rows = [json.loads(line) for line in verdicts(folder).read_text().splitlines()]
    assert sorted(row["id"] for row in rows) == [f"v1_{n}" for n in range(6)]
    assert {len(row["request"]) for row in rows} == {len(row["judge"]) for row in rows} == {64}
    assert len({row["request"] for row in rows}) == 6
    assert {(row["model"], row["prompt_tokens"], row["new_tokens"], row["cost"]) for row in rows} == {
        ("served-name", 20, 3, 0.02)
    }


def test_verdicts_are_asked_once_those_of_changed_answers_again(call, folder, capsys) -> None:
    with fake_server(by_parity) as server:
        assert call(server.url) == call(server.url) == 0
        assert len(server.bodies) == 6
        assert "everything is judged already" in capsys.readouterr().err
        change_answer(folder / "run", "mmvet", "answer 3", "answer 34")
        assert main(["leaderboard", str(folder / "run"), "--output", str(folder)]) == 2
        assert "have changed since they were judged; judge them again" in capsys.readouterr().err
        assert call(server.url) == 0
    assert [prediction(body) for body in server.bodies][6:] == [34]
    assert values(judged_scores(folder / "run")[0])["score", ""] == pytest.approx(400 / 6)
    assert main(["leaderboard", str(folder / "run"), "--output", str(folder)]) == 0


def test_a_killed_judge_goes_on_where_it_was_and_gives_the_same_scores(call, folder, finished) -> None:
    def hangs(body: dict[str, Any], number: int) -> Reply | dict[str, Any]:
        return by_parity(body) if number < 3 else Reply(delay=20)

    with fake_server(hangs) as server:
        given = ["--judge", "openai:judge", "--base-url", server.url, "--data", str(folder / "data")]
        command = [sys.executable, str(ROOT / "run_eval.py"), "judge", "mmvet", str(folder / "run"), *given]
        with subprocess.Popen(
            command, stderr=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": str(ROOT)}
        ) as process:
            while len(server.bodies) < 5:
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
    path = verdicts(folder)
    assert len(path.read_bytes().splitlines()) == 3
    with path.open("ab") as file:
        file.write('{"id": "v1_4", "replies": ["ö'.encode()[:-1])  # killed while it wrote, within a letter
    with fake_server(by_parity) as server:
        assert call(server.url) == 0
        assert len(server.bodies) == 3
        shutil.copytree(finished / "run", folder / "whole")
        assert call(server.url, run="whole") == 0
    assert len(path.read_text().splitlines()) == 6
    for name in ("scores.json", "samples/mmvet.jsonl", "statistics/mmvet.json"):
        (again,), (whole,) = ((folder / run / "judged").glob(f"*/{name}") for run in ("run", "whole"))
        assert again.read_bytes() == whole.read_bytes()


def test_a_judge_that_gives_no_score_is_asked_five_times(call, folder, capsys) -> None:
    def behave(body: dict[str, Any], number: int) -> Reply | dict[str, Any]:
        return chat(["Correct", None, ""][number % 3], "length") if "| answer 0 |" in text_of(body) else chat("1.0")

    with fake_server(behave) as server:
        assert call(server.url) == 0
    asked = [body for body in server.bodies if "| answer 0 |" in text_of(body)]
    assert [body["temperature"] for body in asked] == [0.0, 0.0, 0.5, 1.0, 1.5]
    again = [text_of(body).endswith("\nPredict the correctness of the answer (digit): ") for body in asked]
    assert again == [False, True, True, True, True]
    (content,) = judged_scores(folder / "run")
    assert content["tasks"][0]["judge"]["unparsed"] == 1
    assert values(content)["score", ""] == pytest.approx(500 / 6)
    assert "note: 1 of 6 verdicts are not of the form that was asked for" in capsys.readouterr().out


def test_a_model_that_cannot_judge_has_no_scores(call, folder, capsys) -> None:
    with fake_server(lambda body, number: chat("Certainly!")) as server:
        assert call(server.url) == 2
    assert "of 6 verdicts of judge none is of the form that mm-vet_evaluator.py" in capsys.readouterr().err
    assert not judged_scores(folder / "run")


def test_repeats_are_averaged_and_those_on_record_are_not_asked_again(call, folder, capsys) -> None:
    def behave(body: dict[str, Any], number: int) -> Reply | dict[str, Any]:
        return chat("1.0" if number < 6 else "0.0")

    with fake_server(behave) as server:
        assert call(server.url) == call(server.url, "--repeats", "2") == 0
    assert len(server.bodies) == 12
    (content,) = judged_scores(folder / "run")
    found = values(content)
    assert (found["score", ""], found["std", ""], content["tasks"][0]["judge"]["repeats"]) == (50.0, 50.0, 2)
    assert "note: mean of 2 runs: 100.0, 0.0" in capsys.readouterr().out


def test_a_dry_run_asks_nothing(call, folder, capsys) -> None:
    with fake_server(by_parity) as server:
        assert call(server.url, "--dry-run", "--repeats", "5", "--model-option", "prompt_price=30") == 0
        assert not server.bodies
        first = words(capsys)
        assert call(server.url) == 0
        capsys.readouterr()
        assert call(server.url, "--dry-run", "--repeats", "5") == 0
        assert len(server.bodies) == 6
    assert first.startswith("mmvet: 30 calls to judge at http://127.0.0.1:")
    assert "prompt tokens, which cost 0." in first
    last = words(capsys)
    assert last.startswith("mmvet: 24 calls to judge at ")
    assert "; 6 verdicts on record" in last


def test_an_overloaded_judge_is_asked_again_and_a_refusing_one_leaves_no_score(call, folder, capsys) -> None:
    def behave(body: dict[str, Any], number: int) -> Reply | dict[str, Any]:
        if number == 0:
            return error(429, headers={"Retry-After": "0"})
        withheld = {2: error(400, "flagged", code="content_filter"), 4: chat(None, "content_filter")}
        return withheld.get(prediction(body), chat("1.0"))

    with fake_server(behave) as server:
        assert call(server.url) == 1
        assert len(server.bodies) == 7
    shown = words(capsys)
    assert "mmvet: v1_2 has no verdict: the server's content filter held the request back" in shown
    assert "mmvet: v1_4 has no verdict: the server's content filter held the answer back" in shown
    assert "no scores: 2 verdicts missing" in shown
    assert not judged_scores(folder / "run")


def test_another_judge_has_columns_and_lines_of_its_own(call, folder, capsys) -> None:
    with fake_server(by_parity) as server:
        assert call(server.url) == call(server.url, judge="openai:another") == 0
        assert len(server.bodies) == 12
    assert len(judged_scores(folder / "run")) == 2
    capsys.readouterr()
    assert main(["leaderboard", str(folder / "run"), "--output", str(folder)]) == 0
    table = (folder / "leaderboard.csv").read_text()
    assert table.count("openai:m (measured)") == 2  # one row, two columns
    assert "judged by another as served-name" in table
    assert "judged by judge as served-name" in table


def test_runs_are_compared_and_gated_by_the_scores_of_one_judge(call, folder, capsys) -> None:
    shutil.copytree(folder / "run", folder / "other")
    change_answer(folder / "other", "mmvet", "answer 0", "answer 11")
    with fake_server(by_parity) as server:
        assert call(server.url) == call(server.url, run="other") == 0
    runs = [str(folder / "run"), str(folder / "other")]
    capsys.readouterr()
    assert main(["compare", *runs, "--task", "mmvet", "--flips", "3", "--json", str(folder / "c.json")]) == 0
    (line,) = json.loads((folder / "c.json").read_text())["tasks"]
    assert line["task"].startswith("mmvet, judged by judge as served-name (")
    assert main(["baseline", runs[0], "--output", str(folder / "base.json")]) == 0
    (folder / "tolerances.yaml").write_text("tasks:\n  mmvet: {smallest_effect: 2}\n")
    gate = ["--baseline", str(folder / "base.json"), "--tolerances", str(folder / "tolerances.yaml")]
    assert main(["regress", runs[1], *gate, "--task", "mmvet"]) == 0
    assert "mmvet, judged by" in capsys.readouterr().out
    shutil.rmtree(folder / "other" / "judged")
    with fake_server(by_parity) as server:
        assert call(server.url, judge="openai:another", run="other") == 0
    capsys.readouterr()
    assert main(["compare", *runs]) == main(["compare", *runs, "--task", "mmvet", "--intersect"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert "the runs share no task: mmvet, judged by judge" in first
    assert "these do not compare: mmvet, judged by judge as served-name" in second
    assert main(["regress", runs[1], "--baseline", str(folder / "base.json")]) == 1
    assert "the run has no scores of it" in words(capsys)


def test_a_report_shows_the_judged_scores(call, folder) -> None:
    with fake_server(by_parity) as server:
        assert call(server.url) == 0
    assert main(["report", str(folder / "run"), "--output", str(folder / "page")]) == 0
    page = (folder / "page" / "index.html").read_text(encoding="utf-8")
    assert "judged by judge as served-name" in page


def test_verdicts_of_another_judge_and_damaged_ones_are_refused(call, folder, capsys) -> None:
    with fake_server(by_parity) as server:
        assert call(server.url) == 0
        path = verdicts(folder)
        text = path.read_text()
        first = json.loads(text.splitlines()[0])
        unchecked = {key: value for key, value in first.items() if key != "crc32"}  # as one changed by hand is
        for change in (
            {"judge": "0" * 64},
            {"replies": []},
            {"prompt_tokens": "20"},
            {"cost": True},
            {"new_tokens": -3},
        ):
            path.write_text(text.replace(json.dumps(first), json.dumps(unchecked | change)))
            assert call(server.url) == 2
    other, *damaged = capsys.readouterr().err.splitlines()[-5:]
    assert "line 1: a verdict of another judge, prompt or server (fingerprint 00000000, not " in other
    assert all("line 1 is damaged" in line for line in damaged)


def test_two_processes_do_not_judge_the_same_answers(call, folder, capsys) -> None:
    with fake_server(by_parity) as server:
        assert call(server.url) == 0
        with lock_run_folder(verdicts(folder).parent):
            assert call(server.url) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("; wait for it")


def test_a_run_says_what_command_comes_next(folder) -> None:
    scores = json.loads((folder / "run" / "scores.json").read_text())
    assert scores["tasks"][0]["notes"] == [
        "asked through a server: the prompt is the server's, by a chat template that is not seen here",
        "no score yet, a judge model gives it: `judge mmvet RUN --judge openai:NAME --base-url URL`; or `submit` "
        "writes the file for other programs",
    ]


def test_a_run_of_some_questions_is_judged_on_those(folder) -> None:
    limited = ["--limit", "3", "--seed", "1"]
    judged_runs.finish_run(folder / "data", "mmvet", [f"answer {n}" for n in range(3)], folder / "few", *limited)
    with fake_server(by_parity) as server:
        where = ["--base-url", server.url, "--data", str(folder / "data")]
        assert main(["judge", "mmvet", str(folder / "few"), "--judge", "openai:judge", *where]) == 0
        assert len(server.bodies) == 3
    assert main(["leaderboard", str(folder / "few"), "--output", str(folder)]) == 0
    assert "3 questions only" in (folder / "leaderboard.csv").read_text()
