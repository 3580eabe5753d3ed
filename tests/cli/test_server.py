"""`run --model openai:NAME --base-url URL` as a user meets it: the record, the key, going on, the report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emma_eval.cli.main import main
from tests.fake_server import Reply, chat, error, fake_server, text_of
from tests.fakes import REQUESTS

ROOT = Path(__file__).parents[2]
KEY = "sk-a-secret-key-123"
Behave = Callable[[dict[str, Any], int], "Reply | dict[str, Any]"]


@pytest.fixture
def run(data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run POPE against a server's address, with a key."""
    monkeypatch.setenv("EMMA_EVAL_API_KEY", KEY)

    def call(url: str, *more: str) -> int:
        given = ["--model", "openai:served-name", "--base-url", url, "--tasks", "pope", "--data", str(data)]
        return main(["run", *given, "--output", str(folder), "--allow-partial", *more])

    return call


def manifest(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return content


def responses(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "responses" / "pope.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_run_records_what_the_server_says_and_what_it_cost(run, folder, capsys) -> None:
    prices = ["--model-option", "prompt_price=2", "--model-option", "completion_price=10"]
    with fake_server() as server:
        assert run(server.url, *prices) == 0
    shown = capsys.readouterr()
    assert "12 answers, 240 prompt and 36 new tokens; cost 0.0008; up to " in shown.err
    assert "pope: asked through a server: the prompt is the server's" in shown.out
    facts = manifest(folder)
    model = facts["model"]
    assert (model["name"], model["template"], model["dtype"]) == ("openai:served-name", "server", None)
    assert "its weights are not seen" in facts["model"]["summary"]
    assert facts["settings"]["model_options"] == {"host": "127.0.0.1"}
    (session,) = facts["sessions"]
    assert session["device_name"] == "a server's"
    assert session["stats"]["server"]["cost"] == pytest.approx(0.00084)
    assert session["stats"]["server"]["models"] == ["served-name"]
    first = responses(folder)[0]
    assert first["served"] == {
        "model": "served-name", "system_fingerprint": "fp_1", "prompt_tokens": 20, "new_tokens": 3,
    }  # fmt: skip
    assert (first["tokens"], first["finish_reason"]) == (3, "stop")


def test_no_number_stands_beside_published_ones(run, folder) -> None:
    with fake_server() as server:
        assert run(server.url) == 0
    table = (folder / "leaderboard.md").read_text()
    assert "asked through a server, whose prompt is not known" in table


def test_the_key_is_in_no_file_and_on_no_screen(run, folder, capsys) -> None:
    def behave(body: dict[str, Any], number: int) -> Reply | dict[str, Any]:
        if number % 2:
            return error(400, f"Bearer {KEY} may not ask this")
        return chat(f"yes {KEY}")

    with fake_server(behave) as server:
        assert run(server.url) == 1
        assert set(server.authorizations) == {f"Bearer {KEY}"}
    shown = capsys.readouterr()
    assert "Bearer [key] may not ask this" in shown.out
    assert KEY not in shown.out + shown.err
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) >= 9
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--base-url", f"http://user:{KEY}@127.0.0.1:1/v1"],
        ["--base-url", f"http://127.0.0.1:1/v1?key={KEY}"],
        ["--model-option", f"key_env={KEY}"],
        ["--model-option", f"api_key={KEY}"],
    ],
)
def test_a_key_on_the_command_line_is_refused_and_recorded_nowhere(run, folder, capsys, arguments) -> None:
    assert run("http://127.0.0.1:1/v1", *arguments) == 2
    shown = capsys.readouterr()
    assert len(shown.err.splitlines()) == 1
    assert KEY not in shown.err
    assert not [path for path in folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_after_an_outage_the_same_command_asks_only_what_is_open(run, folder, capsys) -> None:
    impatient = ["--model-option", "outage_minutes=0.01", "--model-option", "concurrency=1"]
    with fake_server(lambda body, number: chat() if number < 5 else error(503, "down")) as server:
        assert run(server.url, *impatient) == 2
    assert "the same command goes on where it stopped" in capsys.readouterr().err
    assert len(responses(folder)) == 5
    facts = manifest(folder)["sessions"][0]
    assert (facts["outcome"], facts["answered"], facts["stats"]["server"]["answers"]) == ("stopped", 5, 5)
    with fake_server() as server:  # on another port, more patient, with a price
        assert run(server.url, "--model-option", "concurrency=8", "--model-option", "prompt_price=2") == 0
    this, together = capsys.readouterr().err.splitlines()[-2:]
    assert this.startswith("7 answers, 140 prompt and 21 new tokens; cost 0.0003; up to ")
    assert together.startswith("in all sessions: 12 answers, 240 prompt and 36 new tokens; cost 0.0003; ")
    assert len(server.bodies) == REQUESTS - 5
    assert len({(one["id"], one["pass_index"]) for one in responses(folder)}) == len(responses(folder)) == REQUESTS


def test_a_killed_session_has_recorded_what_it_cost(run, folder, monkeypatch) -> None:
    """All but its last minute; here, all but its last request."""
    monkeypatch.setattr("emma_eval.runs.session.RECORD_SECONDS", 0.0)
    seen: list[dict[str, Any]] = []

    def behave(body: dict[str, Any], number: int) -> dict[str, Any]:
        if number:
            seen.append(manifest(folder)["sessions"][0])
        return chat()

    with fake_server(behave) as server:
        assert run(server.url, "--model-option", "concurrency=1", "--model-option", "prompt_price=2") == 0
    assert {one["outcome"] for one in seen} == {"running"}
    assert seen[-1]["stats"]["server"]["cost"] >= 8 * 20 * 2e-6


def test_a_base_url_is_for_servers_alone(capsys) -> None:
    assert main(["run", "--model", "emma-mini", "--tasks", "vqav2_mini", "--base-url", "http://127.0.0.1:1/v1"]) == 2
    assert capsys.readouterr().err == (
        "error: --base-url is the address of a model behind a server, --model openai:NAME; emma-mini is none: "
        "its files are loaded here\n"
    )


def test_another_model_or_another_option_that_decides_does_not_go_on(run, folder, capsys) -> None:
    with fake_server() as server:
        assert run(server.url) == 0
        assert run(server.url, "--model-option", "max_image_side=64") == 2
    assert "holds a different run" in capsys.readouterr().err


def test_a_wrong_key_is_one_line(run, capsys) -> None:
    with fake_server(lambda body, number: error(401, "Incorrect API key provided")) as server:
        assert run(server.url) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert "does not accept the key" in lines[0]


def test_ask_asks_a_server(data, capsys) -> None:
    with fake_server(lambda body, number: chat(text_of(body).upper())) as server:
        image = str(data / "pope" / "val2014" / "a.jpg")
        assert main(["ask", "--model", "openai:m", "--base-url", server.url, "--image", image, "What is it?"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "WHAT IS IT?\n"
    assert "the prompt is the server's" in shown.err


@pytest.mark.slow
def test_a_killed_run_asks_again_only_what_was_not_recorded(data, folder) -> None:
    def behave(body: dict[str, Any], number: int) -> Reply | dict[str, Any]:
        return Reply(chat("Yes"), delay=0.15)

    with fake_server(behave) as server:
        command = [
            sys.executable, str(ROOT / "run_eval.py"), "run", "--model", "openai:m", "--base-url", server.url,
            "--tasks", "pope", "--data", str(data), "--output", str(folder), "--allow-partial",
            "--model-option", "concurrency=1",
        ]  # fmt: skip
        environment = os.environ | {"EMMA_EVAL_API_KEY": KEY}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        path = folder / "responses" / "pope.jsonl"
        until = time.monotonic() + 60
        while not path.exists() or path.read_bytes().count(b"\n") < 4:
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kept = path.read_bytes().count(b"\n")
        asked = len(server.bodies)
        subprocess.run(command, env=environment, check=True, capture_output=True)
        assert len(server.bodies) - asked == REQUESTS - kept
    assert len({one["id"] + str(one["prompt"]) for one in responses(folder)}) == REQUESTS
