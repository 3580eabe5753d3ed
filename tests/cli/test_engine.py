"""`run --engine vllm` as a user meets it: what is recorded, what is refused. vLLM is a stand-in here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emma_eval.cli.main import main
from emma_eval.inference.loading import EngineChoice
from emma_eval.models.base import ModelSpec
from emma_eval.runs.settings import RunSettings, default_folder
from tests.fake_vllm import LLM, VERSION, install


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    install(monkeypatch)

    def call(*arguments: str) -> int:
        asked = ["--tasks", "pope_mini", "--limit", "6", "--device", "cpu", "--output", str(tmp_path / "run")]
        return main(["run", *asked, *arguments])

    return call


def manifest(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "run" / "manifest.json").read_text())
    return content


def texts(folder: Path) -> dict[str, str]:
    lines = (folder / "run" / "responses" / "pope_mini.jsonl").read_text().splitlines()
    return {row["id"]: row["text"] for row in map(json.loads, lines)}


def test_the_manifest_says_what_computed(run, tmp_path, capsys) -> None:
    assert run("--engine", "vllm", "--batch-size", "3") == 0
    shown = capsys.readouterr().err
    assert f"vLLM {VERSION} continues from the embeddings" in shown and "\nready after 0 s\n" in shown
    facts = manifest(tmp_path)
    assert facts["settings"]["engine"] == "vllm"
    (session,) = facts["sessions"]
    assert session["versions"]["vllm"] == VERSION
    assert session["engine"] == {
        "name": "vllm",
        "version": VERSION,
        "block_size": 32,
        "enable_prefix_caching": True,
        "max_num_batched_tokens": 8192,
        "max_num_seqs": 3,
        "max_model_len": LLM.started.arguments["max_model_len"],
        "enforce_eager": True,
    }


@pytest.mark.parametrize(("first", "then"), [("vllm", "built-in"), ("built-in", "vllm")])
def test_answers_of_two_engines_are_not_mixed(run, tmp_path, capsys, first, then) -> None:
    assert run("--engine", first) == 0
    before = texts(tmp_path)
    capsys.readouterr()
    assert run("--engine", then) == 2
    assert f"holds a different run: --engine was {first} and is {then} now" in capsys.readouterr().err
    assert texts(tmp_path) == before


def test_a_run_goes_on_after_vllm_has_died_and_is_scored_without_it(run, tmp_path, capsys, monkeypatch) -> None:
    LLM.dies_at_step = 4
    assert run("--engine", "vllm", "--batch-size", "2") == 2
    assert "vLLM failed; what is answered is kept, and the same command goes on" in capsys.readouterr().err
    answered = texts(tmp_path)
    assert 0 < len(answered) < 6
    LLM.dies_at_step = None
    assert run("--engine", "vllm") == 0
    assert texts(tmp_path).items() >= answered.items() and len(texts(tmp_path)) == 6
    monkeypatch.setattr("emma_eval.inference.vllm.settings.find_spec", lambda name: None)
    assert run("--engine", "vllm") == 0


def test_another_model_is_refused_before_data_is_read(run, capsys) -> None:
    assert run("--engine", "vllm", "--model", "hf:nowhere", "--tasks", "pope", "--data", "no/such/folder") == 2
    shown = capsys.readouterr().err
    assert "--engine vllm: hf:nowhere is not for it" in shown and shown.count("\n") == 1


def test_the_default_folder_is_another() -> None:
    settings = RunSettings(model=ModelSpec("emma-mini"), tasks=("pope",), suite="pope")
    with_vllm = RunSettings(model=ModelSpec("emma-mini"), tasks=("pope",), suite="pope", engine=EngineChoice("vllm"))
    assert default_folder(settings) != default_folder(with_vllm)
