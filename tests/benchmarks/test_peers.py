"""Other programs are given the same requests and answer as the engine does; vLLM's own environment is not tested."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks import random_mplug_owl2
from benchmarks.peers import batched_generate, plain_owl2, vllm_engine_worker, vllm_process
from benchmarks.peers.inputs import expanded, peer_inputs
from benchmarks.variants import engine, in_this_process
from emma_eval.data.loading import load_samples
from emma_eval.models import load_model
from emma_eval.models.llama.prefix_trie import IMAGE_ID
from emma_eval.prompts.building import build_requests
from emma_eval.tasks.loading import load_task
from emma_eval.types import InferenceStats, Request
from tests.fake_vllm import install


def some_requests(count: int = 4) -> list[Request]:
    tasks = [load_task(name) for name in ("scienceqa_mini", "pope_mini")]  # with and without images
    return [request for task in tasks for request in build_requests(task, load_samples(task, limit=count))]


@pytest.mark.parametrize(
    ("name", "passes"),
    [("llava-mini", batched_generate.llava_in_batches), ("emma-mini", batched_generate.llama_in_batches)],
)
def test_transformers_in_batches_answers_as_the_engine_does(name: str, passes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(batched_generate, "BATCH_SIZE", 3)
    runner, requests = load_model(name, device="cpu", dtype="float32"), some_requests()
    (ours,) = in_this_process(engine())(runner, requests, 1)
    first, second = passes(runner, requests, 2)
    assert first.answers == second.answers == ours.answers
    assert first.seconds > 0
    assert first.stats.prompt_tokens == ours.stats.prompt_tokens
    assert first.stats.new_tokens == ours.stats.new_tokens


def test_the_plain_loop_of_owl2_answers_as_the_engine_does():
    owl2 = random_mplug_owl2.build(random_mplug_owl2.SMALL, "cpu", torch.float32, random_mplug_owl2.tokenizer())
    requests = [replace(request, max_new_tokens=3) for request in some_requests()]
    stats, plain = InferenceStats(), InferenceStats()
    assert plain_owl2.generate_one_by_one(owl2, requests, plain) == engine()(replace(owl2), requests, stats)
    assert (plain.prompt_tokens, plain.new_tokens) == (stats.prompt_tokens, stats.new_tokens)


def test_the_longest_prompts_come_first_and_each_has_its_own_pixels():
    runner, requests = load_model("llava-mini", device="cpu", dtype="float32"), some_requests()
    inputs = peer_inputs(runner, requests, embedded=False)
    lengths = [len(expanded(one.ids, 640, 36)) for one in inputs]
    assert lengths == sorted(lengths, reverse=True)
    assert sorted(one.index for one in inputs) == list(range(len(requests)))
    for one in inputs:
        images = requests[one.index].images
        assert len(one.pixels) == len(images) == one.ids.count(IMAGE_ID)
        for pixels, image in zip(one.pixels, images, strict=True):
            assert (pixels == runner.preprocess_image(image)).all()


def test_padding_is_on_the_left_and_masked():
    padded = batched_generate.left_padded("input_ids", [torch.tensor([5, 6, 7]), torch.tensor([8])])
    assert padded["input_ids"].tolist() == [[5, 6, 7], [0, 0, 8]]
    assert padded["attention_mask"].tolist() == [[1, 1, 1], [0, 0, 1]]


@pytest.mark.parametrize(("ids", "kept"), [([4, 2, 0, 0], [4, 2]), ([4, 5], [4, 5]), ([2], [2])])
def test_an_answer_ends_at_its_end_id(ids: list[int], kept: list[int]):
    assert batched_generate.up_to_end(ids, frozenset({2})) == kept


def test_the_process_of_vllm_gets_the_requests_and_its_ids_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    worker = tmp_path / "worker.py"  # in place of vLLM it answers each request with an id of its own
    worker.write_text(
        "import json, pathlib, sys\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "job = json.loads((folder / 'job.json').read_text())\n"
        "assert (folder / 'model' / 'config.json').exists() and (folder / 'tensors.safetensors').exists()\n"
        "ids = [[300 + request['index'], 2] for request in job['requests']]\n"
        "passes = [{'seconds': 1.5, 'ids': ids, 'cached_tokens': 7}] * job['passes']\n"
        "(folder / 'out.json').write_text(json.dumps({'passes': passes}))\n"
    )
    monkeypatch.setattr(vllm_process, "LLAVA_WORKER", worker)
    runner, requests = load_model("llava-mini", device="cpu", dtype="float32"), some_requests(2)
    passes = list(vllm_process.vllm_llava(Path(sys.executable))(runner, requests, 1))
    assert len(passes) == 2
    assert passes[0].seconds == 1.5
    expected = {index: runner.tokenizer.decode([300 + index, 2]) for index in range(len(requests))}
    assert passes[0].answers == expected
    assert len(set(expected.values())) > 1
    stats = passes[0].stats
    assert (stats.prompt_tokens - stats.computed_tokens, stats.new_tokens) == (7, 2 * len(requests))


def test_a_process_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    worker = tmp_path / "worker.py"
    worker.write_text("raise SystemExit('no module named vllm')")
    monkeypatch.setattr(vllm_process, "ENGINE_WORKER", worker)
    runner = load_model("emma-mini", device="cpu", dtype="float32")
    with pytest.raises(RuntimeError, match="no module named vllm"):
        list(vllm_process.vllm_engine(Path(sys.executable), "emma-mini")(runner, some_requests(1), 1))


def test_the_engine_of_vllm_is_run_on_the_same_requests(monkeypatch: pytest.MonkeyPatch):
    install(monkeypatch)
    runner, requests = load_model("emma-mini", device="cpu", dtype="float32"), some_requests(2)
    (ours,) = in_this_process(engine())(runner, requests, 1)
    monkeypatch.setattr(vllm_process, "_run_worker", lambda python, worker, folder: vllm_engine_worker.main(folder))
    first, second = vllm_process.vllm_engine(Path(sys.executable), "emma-mini")(runner, requests, 2)
    assert first.answers == second.answers == ours.answers
    assert first.stats.new_tokens == ours.stats.new_tokens and first.seconds > 0
