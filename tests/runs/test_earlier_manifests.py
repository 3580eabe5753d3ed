"""Manifests of earlier versions are read, and their runs go on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from emma_eval.errors import UserError
from emma_eval.models.base import ModelSpec
from emma_eval.results.manifest import read_manifest
from emma_eval.runs.plan import prompts_digest
from emma_eval.types import Request
from tests.fakes import FakeEngine, run_pope

USAGE = {
    "prompt_tokens": 20,
    "computed_tokens": 10,
    "padding_tokens": 2,
    "new_tokens": 4,
    "batches": 1,
    "pictures": 3,
    "computing_seconds": 3.0,
    "waiting_seconds": 1.0,
    "idle_share": 0.25,
    "memory_shortages": 5,
}


@pytest.fixture
def earlier(data: Path, folder: Path) -> Path:
    """A run with its manifest in the keys of before there were model options and inference statistics."""
    run_pope(data, folder, model=ModelSpec("fake", options={"fast_preprocess": "true"}))
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    assert manifest["settings"].pop("model_options")
    manifest["settings"]["fast_preprocess"] = True
    del manifest["model"]["template_digest"]
    manifest["model"]["built"] = manifest["model"].pop("summary")
    for session in manifest["sessions"]:
        del session["stats"]
        session["usage"] = USAGE
    path.write_text(json.dumps(manifest))
    return folder


def test_todays_names_hold_what_the_earlier_ones_did(earlier: Path) -> None:
    manifest = read_manifest(earlier)
    assert manifest
    assert manifest.settings.model_options == {"fast_preprocess": "true"}
    stats = manifest.sessions[0].stats
    assert stats
    assert (stats.images, stats.idle_seconds, stats.oom_retries, stats.idle_share) == (3, 1.0, 5, 0.25)


def test_the_run_goes_on_with_the_same_option_alone(data: Path, earlier: Path) -> None:
    engine = FakeEngine()
    run_pope(data, earlier, engine, model=ModelSpec("fake", options={"fast_preprocess": "true"}))
    assert engine.requests == []
    with pytest.raises(UserError, match="--model-option fast_preprocess was true and is not given now"):
        run_pope(data, earlier)


def test_prompts_are_hashed_as_when_all_models_shared_a_template() -> None:
    request = Request("7", 1, "<image>\nWhy?", "Why?", max_new_tokens=16)
    prompt = (
        "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, "
        "detailed, and polite answers to the user's questions. USER: <image>\nWhy? ASSISTANT:"
    )
    line = "\x1f".join(["7", "1", prompt, "Why?", "16"])
    assert prompts_digest([request]) == hashlib.sha256(f"{line}\n".encode()).hexdigest()
