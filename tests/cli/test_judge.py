"""`judge mmvet RUN`: verdicts are recorded, asked once, and never mixed with those of another judge."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emma_eval.cli.main import main
from tests.fake_server import Reply, chat, error, fake_server, text_of

QUESTIONS = {
    f"v1_{number}": {
        "imagename": f"v1_{number}.png", "question": f"What is {number}?", "answer": str(number),
        "capability": ["math"] if number % 2 else ["ocr", "math"],
    }
    for number in range(6)
}  # fmt: skip
Call = Callable[..., int]


@pytest.fixture
def call(tmp_path: Path) -> Call:
    """Judge a run whose answers are `answer 0`, `answer 1`, ..."""
    folder = tmp_path / "data" / "mm-vet"
    folder.mkdir(parents=True)
    (folder / "mm-vet.json").write_text(json.dumps(QUESTIONS))
    responses = tmp_path / "run" / "responses"
    responses.mkdir(parents=True)
    rows = [{"id": key, "text": f"answer {number}"} for number, key in enumerate(QUESTIONS)]
    (responses / "mmvet.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def judge(url: str, *more: str, judge: str = "openai:judge") -> int:
        where = ["--base-url", url, "--data", str(tmp_path / "data")]
        return main(["judge", "mmvet", str(tmp_path / "run"), "--judge", judge, *where, *more])

    return judge


def prediction(body: dict[str, Any]) -> int:
    """The number of the answer that is judged."""
    return int(text_of(body).rsplit(" | ", 2)[1].removeprefix("answer "))


def by_parity(body: dict[str, Any], number: int) -> Reply | dict[str, Any]:
    return chat(["0.5", "1.0"][prediction(body) % 2], "length")


def records(tmp_path: Path, ending: str) -> list[Path]:
    return sorted((tmp_path / "run" / "judged").glob(f"*{ending}"))


def test_the_judge_is_asked_as_the_official_tool_asks_and_its_scores_bear_its_name(call, tmp_path, capsys) -> None:
    with fake_server(by_parity) as server:
        assert call(server.url) == 0
    assert [{name: body[name] for name in body if name != "messages"} for body in server.bodies] == [
        {"model": "judge", "max_tokens": 3, "temperature": 0.0}
    ] * 6
    shown = capsys.readouterr().out
    assert "mmvet, judged by judge; not comparable with scores of another judge" in shown
    (path,) = records(tmp_path, ".json")
    content = json.loads(path.read_text())
    assert (content["judge"], content["judge_as_the_server_names_it"]) == ("judge", ["served-name"])
    found = {one["name"]: one["value"] for one in content["scores"] if one["group"] != "integration"}
    assert found == {"total": 75.0, "math": 75.0, "ocr": 50.0}
    assert content["unparsed"] == 0


def test_verdicts_are_asked_once_those_of_changed_answers_again(call, tmp_path, capsys) -> None:
    with fake_server(by_parity) as server:
        assert call(server.url) == call(server.url) == 0
        assert len(server.bodies) == 6
        assert "everything is judged already" in capsys.readouterr().err
        path = tmp_path / "run" / "responses" / "mmvet.jsonl"
        path.write_text(path.read_text().replace("answer 3", "answer 33"))
        assert call(server.url) == 0
    assert [prediction(body) for body in server.bodies][6:] == [33]


def test_a_stopped_session_goes_on_where_it_was(call, tmp_path) -> None:
    with fake_server(lambda body, number: by_parity(body, number) if number < 4 else error(401)) as server:
        assert call(server.url, "--model-option", "concurrency=1") == 2
    (path,) = records(tmp_path, ".jsonl")
    with path.open("a") as file:
        file.write('{"id": "v1_4", "prom')  # killed while it wrote
    with fake_server(by_parity) as server:
        assert call(server.url) == 0
    assert len(server.bodies) == 2
    assert len({json.loads(line)["id"] for line in path.read_text().splitlines()}) == 6


def test_two_judges_are_kept_apart(call, tmp_path) -> None:
    with fake_server(by_parity) as server:
        assert call(server.url) == 0
        assert call(server.url, judge="openai:another") == 0
    assert len(server.bodies) == 12
    assert len(records(tmp_path, ".json")) == len(records(tmp_path, ".jsonl")) == 2


def test_a_judge_that_gives_no_score_is_asked_five_times(call, tmp_path) -> None:
    def behave(body: dict[str, Any], number: int) -> Reply | dict[str, Any]:
        return chat("Correct", "length") if "| answer 0 |" in text_of(body) else chat("1.0")

    with fake_server(behave) as server:
        assert call(server.url) == 0
    asked = [body for body in server.bodies if "| answer 0 |" in text_of(body)]
    assert [body["temperature"] for body in asked] == [0.0, 0.0, 0.5, 1.0, 1.5]
    again = [text_of(body).endswith("\nPredict the correctness of the answer (digit): ") for body in asked]
    assert again == [False, True, True, True, True]
    content = json.loads(records(tmp_path, ".json")[0].read_text())
    assert content["unparsed"] == 1
    assert content["scores"][0]["value"] == pytest.approx(500 / 6)


def test_a_missing_verdict_leaves_no_score(call, tmp_path, capsys) -> None:
    def behave(body: dict[str, Any], number: int) -> Reply | dict[str, Any]:
        return error(400, "flagged", code="content_filter") if prediction(body) == 2 else chat("1.0")

    with fake_server(behave) as server:
        assert call(server.url) == 1
    shown = capsys.readouterr().out
    assert "mmvet: v1_2 has no verdict: the server's content filter" in shown
    assert "no scores: 1 verdict missing" in shown
    assert not records(tmp_path, ".json")


def test_mistakes_are_one_line(call, tmp_path, capsys) -> None:
    assert call("http://127.0.0.1:1/v1", judge="emma-mini") == 2
    path = tmp_path / "run" / "responses" / "mmvet.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:4]))
    assert call("http://127.0.0.1:1/v1") == 2
    (tmp_path / "data" / "mm-vet" / "mm-vet.json").unlink()
    assert call("http://127.0.0.1:1/v1") == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert "model option base_url" in lines[0].replace("-", " ")
    assert "2 of 6 questions have no answer, the first is v1_4" in lines[1]
    assert "official mm-vet/mm-vet.json below --data ROOT" in lines[2]
