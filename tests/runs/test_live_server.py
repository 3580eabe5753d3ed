"""`watch --serve`: what the server gives, to whom, and that it only reads."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from emma_eval.errors import UserError
from emma_eval.runs.live_server import LiveRun, serving
from tests.fakes import REQUESTS, FakeEngine, run_pope

ROOT = Path(__file__).parents[2]


def get(address: str, path: str = "", **headers: str) -> Any:
    request = urllib.request.Request(address + path, headers=headers)
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10)


def refused(address: str, path: str = "", **headers: str) -> int:
    with pytest.raises(urllib.error.HTTPError) as caught:
        get(address, path, **headers)
    return caught.value.code


@pytest.fixture
def finished(data, folder) -> Path:
    run_pope(data, folder)
    return folder


def test_the_status_is_that_of_the_run_with_its_scores(finished):
    with serving(finished, 0) as address:
        status = json.load(get(address, "status"))
    assert status["state"] == "finished"
    assert status["tasks"] == [["pope", REQUESTS, REQUESTS, 0], ["all", REQUESTS, REQUESTS, 0]]
    assert len(status["latest"]) == REQUESTS
    scores = json.loads((finished / "scores.json").read_text())["tasks"][0]
    (title, metric, value, _), *rest = status["scores"]
    main_value = 100 * next(m["value"] for m in scores["metrics"] if m["name"] == "f1" and not m["category"])
    assert (title, metric, float(value), rest) == (scores["title"], "f1", pytest.approx(main_value, abs=0.05), [])


def test_an_unfinished_run_has_answers_and_no_scores(data, folder):
    with pytest.raises(KeyboardInterrupt):
        run_pope(data, folder, FakeEngine(stop_after=3))
    status = LiveRun(folder).status()
    assert status["state"] == "interrupted"
    assert [answer[0] for answer in status["latest"]] == ["pope"] * 3
    assert status["scores"] == []


def test_the_page_is_for_this_machine_alone_and_nothing_else_is_served(finished):
    with serving(finished, 0) as address:
        answer = get(address)
        assert b"<title>" in answer.read()
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "connect-src 'self'" in policy
        assert get(address, Host="localhost:1234").status == 200  # by an SSH tunnel
        assert refused(address, Host="evil.example") == 403
        assert refused(address, "status", Host="127.0.0.1.evil.example:80") == 403
        for host in ("[", "a@localhost", "localhost#.evil.example", "localhost?evil", "evil.example#localhost", ""):
            assert refused(address, Host=host) == 403
        assert refused(address, "manifest.json") == 404
        assert refused(address, "../manifest.json") == 404


def test_a_browser_that_goes_away_is_no_news(finished, capfd):
    with serving(finished, 0) as address:
        for request in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\0\xff\r\n", b"GET"):
            with socket.create_connection(("127.0.0.1", urlsplit(address).port)) as browser:
                browser.sendall(request)
                browser.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
        assert get(address).status == 200
    assert capfd.readouterr().err == ""


def test_damage_is_told_in_words_and_the_server_lives_on(finished):
    with serving(finished, 0) as address:
        with (finished / "responses" / "pope.jsonl").open("a") as log:
            log.write("{}\n")
        assert "is damaged; delete that line" in json.load(get(address, "status"))["problem"]
        assert get(address).status == 200


def test_a_mistake_is_one_line(finished, folder, tmp_path):
    with pytest.raises(UserError, match="is not a run folder"), serving(tmp_path / "nowhere", 0):
        pass
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(UserError, match=f"--serve {port}: .*; --serve 0 takes any free port"),
            serving(folder, port),
        ):
            pass
    with pytest.raises(UserError, match="--serve 70000: no such port"), serving(folder, 70000):
        pass


def test_the_command_serves_until_it_is_interrupted(finished):
    command = [sys.executable, str(ROOT / "run_eval.py"), "watch", str(finished), "--serve", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[0]
            assert json.load(get(address, "status"))["state"] == "finished"
            while not process.stdout.readline().startswith("all"):
                pass
            time.sleep(0.2)
            os.kill(process.pid, signal.SIGINT)
            assert process.wait(20) == 0
            assert process.stderr is not None
            assert "Traceback" not in process.stderr.read()
        finally:
            process.kill()
