"""A real server, `transformers serve`, gives the answers that the same checkpoint gives here."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emma_eval.cli.main import main
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageFile
from emma_eval.inference.loading import load_engine
from emma_eval.models import find_model
from emma_eval.models.base import ModelSpec
from emma_eval.types import Failure, Generation, InferenceStats, Request
from tests import judged_runs
from tests.tiny_transformers import write

for package in ("fastapi", "uvicorn", "openai"):
    pytest.importorskip(package, reason="transformers serve needs fastapi, uvicorn and openai, of the extra test")

pytestmark = pytest.mark.slow

SECONDS_TO_START = 240


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write("llava", tmp_path_factory.mktemp("served") / "tiny-llava")


@pytest.fixture(scope="module")
def url(checkpoint: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = checkpoint.parent / "server.log"
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(checkpoint)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + SECONDS_TO_START
        while not _is_ready(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.3)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(30)


def _is_ready(port: int) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://127.0.0.1:{port}/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def requests(folder: Path) -> list[Request]:
    images = []
    for number, name in enumerate(("a.png", "b.png", "c.webp")):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name, lossless=True)
        images.append(ImageFile(folder, name))
    return [
        *(Request(str(n), 0, f"<image>\nWhat is {n}?", "", (images[n % 3],), 12) for n in range(9)),
        Request("two", 0, "<image>\nFirst, <image>\nsecond: which?", "", (images[0], images[1]), 12),
        Request("none", 0, "Why?", "", (), 12),
    ]


def test_the_answers_are_those_of_the_same_weights_here(url: str, checkpoint: Path, tmp_path: Path) -> None:
    asked = requests(tmp_path)
    served = find_model(ModelSpec(f"openai:{checkpoint}", options={"base_url": url, "concurrency": "8"}))
    here = find_model(ModelSpec(f"hf:{checkpoint}", device="cpu", dtype="float32"))
    stats = InferenceStats()
    theirs = dict(load_engine(served).generate(asked, stats))
    ours = dict(load_engine(here).generate(asked, InferenceStats()))
    assert [_text(theirs[n]) for n in range(len(asked))] == [_text(ours[n]) for n in range(len(asked))]
    assert len({_text(one) for one in theirs.values()}) > 3
    assert stats.server is not None
    assert (stats.server.answers, stats.server.retries) == (len(asked), 0)
    assert all(isinstance(one, Generation) and one.served and one.served.prompt_tokens for one in theirs.values())


def _text(outcome: Generation | Failure) -> str:
    assert isinstance(outcome, Generation), outcome
    return outcome.text


def test_another_model_is_refused_in_one_line(url: str, checkpoint: Path) -> None:
    served = find_model(ModelSpec("openai:another", options={"base_url": url}))
    many = [Request(str(n), 0, "Why?", "") for n in range(20)]
    with pytest.raises(UserError, match=r"Server is pinned to .*; requested 'another'"):
        list(load_engine(served).generate(many, InferenceStats()))


def test_a_run_with_its_record_and_its_scores(url: str, checkpoint: Path, folder: Path) -> None:
    command = ["run", "--model", f"openai:{checkpoint}", "--base-url", url, "--tasks", "pope_mini", "--limit", "30"]
    assert main([*command, "--output", str(folder)]) == 0
    responses = [json.loads(line) for line in (folder / "responses" / "pope_mini.jsonl").read_text().splitlines()]
    assert len(responses) == 30
    assert {one["served"]["model"] for one in responses} == {f"{checkpoint}@main"}
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["sessions"][0]["stats"]["server"]["prompt_tokens"] > 0


def test_it_may_judge(url: str, checkpoint: Path, tmp_path: Path) -> None:
    """A random model gives no numbers, so it is asked five times with rising temperatures, and counts 0."""
    judged_runs.mmvet(tmp_path / "data", 2)
    judged_runs.finish_run(tmp_path / "data", "mmvet", ["one", "two"], tmp_path / "run")
    where = ["--base-url", url, "--data", str(tmp_path / "data")]
    assert main(["judge", "mmvet", str(tmp_path / "run"), "--judge", f"openai:{checkpoint}", *where]) == 0
    (path,) = (tmp_path / "run" / "judged").glob("*/verdicts.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [len(row["replies"]) for row in rows] == [5, 5]
    assert all(row["prompt_tokens"] > 5 * 400 and 0 < row["new_tokens"] <= 5 * 3 for row in rows)
    (content,) = judged_runs.judged_scores(tmp_path / "run")
    assert judged_runs.values(content)["score", ""] == 0.0
    assert content["tasks"][0]["judge"]["unparsed"] == 2
