"""vLLM, a stand-in here, gets embeddings and weights, its ids become answers, and whatever fails is contained."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest
import torch

from emma_eval.errors import SampleError, UserError
from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.runner import run_requests
from emma_eval.inference.vllm import engine as vllm_engine
from emma_eval.inference.vllm.engine import VllmEngine, longest_possible
from emma_eval.inference.vllm.settings import VllmSettings
from emma_eval.models import load_model
from emma_eval.models.llama.prefix_trie import ImageSpan
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import InferenceStats, Request, Response
from tests.fake_vllm import LLM, VERSION, install
from tests.fakes import LoadedImage, make_image
from tests.tiny_checkpoint import EMMA, LLAVA, TinyCheckpoint

WORD = "ball"


@pytest.fixture(autouse=True)
def _fake_vllm(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)


@pytest.fixture(params=[EMMA, LLAVA, replace(LLAVA, kv_heads=2)], ids=["emma", "llava", "grouped"])
def any_runner(request: pytest.FixtureRequest, tmp_path) -> ModelRunner:
    tiny: TinyCheckpoint = request.param
    return load_model(str(tiny.write(tmp_path)), device="cpu")


@pytest.fixture
def runner(tmp_path) -> ModelRunner:
    return load_model(str(EMMA.write(tmp_path)), device="cpu")


class Broken(LoadedImage):
    def open(self) -> Any:
        raise SampleError("broken: unreadable image")


def questions() -> list[Request]:
    """Three images with three questions each, in turn; and two without an image."""
    images = [LoadedImage(make_image(40, 30 + 9 * n, seed=n)) for n in range(3)]
    texts = [f"what is left of the {WORD}", "what is red", "which"]
    asked = [
        Request(f"{p}-{q}", 0, f"<image>\n{text}?", text[:6], (image,), 9 - 2 * q, min_new_tokens=4 * (q == 1))
        for q, text in enumerate(texts)
        for p, image in enumerate(images)
    ]
    return [*asked, *(Request(text, 0, text, text, (), 6) for text in ("left?", "right or left?"))]


def answers(engine: Any, requests: list[Request], stats: InferenceStats | None = None) -> list[Response]:
    found = dict(run_requests(engine, requests, stats))
    assert len(found) == len(requests)
    return [replace(found[index], seconds=0.0) for index in range(len(requests))]


def started() -> LLM:
    assert LLM.started is not None
    return LLM.started


def test_the_answers_are_those_of_the_built_in_engine(any_runner: ModelRunner) -> None:
    stats, expected = InferenceStats(), InferenceStats()
    ours = answers(BatchedEngine(any_runner, sharing=False), questions(), expected)
    assert answers(VllmEngine(any_runner, VllmSettings()), questions(), stats) == ours
    assert len({response.text for response in ours}) > 5
    assert (stats.prompt_tokens, stats.new_tokens) == (expected.prompt_tokens, expected.new_tokens)
    assert stats.computed_tokens == stats.prompt_tokens - len(ours), "one token of each is cached"
    assert stats.images == 3 and stats.computing_seconds > 0


def test_weights_are_handed_over_and_freed(runner: ModelRunner) -> None:
    llama = runner.model.llama
    before = llama.embed_tokens.weight.clone()
    answers(VllmEngine(runner, VllmSettings()), questions())
    assert [name for name, parameter in llama.named_parameters() if parameter.numel()] == ["embed_tokens.weight"]
    assert llama.embed_tokens.weight.equal(before)
    assert started().arguments["dtype"] == "float32" and started().arguments["enable_prefix_caching"]


def test_questions_on_one_image_follow_each_other(tmp_path) -> None:
    """vLLM's prefix cache then still holds what they share."""
    runner = load_model(str(LLAVA.write(tmp_path)), device="cpu")
    answers(VllmEngine(runner, VllmSettings()), questions())
    items = runner.tokenize(questions()[0]).items
    image_slot = next(slot for slot, item in enumerate(items) if isinstance(item, ImageSpan))
    images = [bytes(prompt[image_slot].numpy()) for prompt in started().prompts]
    by_image = [(image, len(list(group))) for image, group in groupby(images)]
    assert [count for _, count in by_image[:3]] == [3, 3, 3]
    assert len({image for image, _ in by_image}) == len(by_image)


def test_batch_size_is_how_many_are_computed_at_a_time(runner: ModelRunner) -> None:
    answers(VllmEngine(runner, VllmSettings(max_running=2)), questions())
    assert started().most_running == 2


def test_an_unreadable_image_fails_its_own_requests(runner: ModelRunner) -> None:
    requests = questions()
    requests[1] = replace(requests[1], images=(Broken(make_image()),))
    requests[2] = replace(requests[2], message="no marker")
    ours = answers(BatchedEngine(runner), requests)
    assert answers(VllmEngine(runner, VllmSettings()), requests) == ours
    assert [index for index, response in enumerate(ours) if response.error] == [1, 2]


def test_a_request_that_vllm_was_not_started_for_fails_alone(runner: ModelRunner) -> None:
    engine = VllmEngine(runner, VllmSettings())
    first = answers(engine, questions())
    longer = [*questions()[:-1], Request("long", 0, "why? " * 400, "", (), 5)]
    again = answers(engine, longer)
    assert again[:-1] == first[:-1]
    assert "tokens; vLLM was started for" in (again[-1].error or "")


def test_logits_that_are_not_finite_fail_their_request_alone(runner: ModelRunner) -> None:
    (token,) = runner.tokenizer.encode_prompt(WORD)[-1:]
    runner.model.llama.embed_tokens.weight[token] = torch.nan
    with_word = [index for index, request in enumerate(questions()) if WORD in request.message]
    ours = answers(BatchedEngine(runner), questions())
    assert [index for index, response in enumerate(ours) if response.error] == with_word
    assert answers(VllmEngine(runner, VllmSettings()), questions()) == ours
    assert "not finite after 0 new tokens" in (ours[with_word[0]].error or "")
    assert not started().kv_caches[0].isnan().any()


def test_a_vllm_that_dies_is_one_clear_error_and_keeps_the_answers_until_then(runner: ModelRunner) -> None:
    LLM.dies_at_step = 8
    found = []
    with pytest.raises(UserError) as failure:
        found += run_requests(VllmEngine(runner, VllmSettings()), questions())
    assert str(failure.value).startswith("vLLM failed; what is answered is kept, and the same command goes on: Runtime")
    assert "\n" not in str(failure.value)


def test_answers_come_as_they_end(runner: ModelRunner) -> None:
    LLM.dies_at_step = 8
    responses = run_requests(VllmEngine(runner, VllmSettings()), questions())
    assert next(responses)[1].text is not None
    assert started().steps < 8


def test_a_vllm_that_does_not_start_is_one_clear_error(runner: ModelRunner) -> None:
    LLM.does_not_start = ValueError("no room for\nthe KV cache")
    with pytest.raises(UserError, match=rf"^vLLM {VERSION} did not start: ValueError: no room for") as failure:
        answers(VllmEngine(runner, VllmSettings()), questions())
    assert "\n" not in str(failure.value)


def test_too_little_memory_to_start_is_said(runner: ModelRunner) -> None:
    """Whatever the loader of a library calls it."""
    LLM.does_not_start = ImportError("_cbor2.so: failed to map segment from shared object")
    with pytest.raises(UserError, match=r"did not start: ImportError: .*\(there is not enough memory: free some, and"):
        answers(VllmEngine(runner, VllmSettings()), questions())


def test_a_torchvision_that_does_not_fit_is_named(runner: ModelRunner) -> None:
    LLM.does_not_start = RuntimeError("operator torchvision::nms does not exist")
    with pytest.raises(UserError, match=r"torchvision::nms does not exist \(the torchvision here .*docs/vllm\.md\)$"):
        answers(VllmEngine(runner, VllmSettings()), questions())


def test_a_vllm_for_another_device_is_refused(runner: ModelRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, device="cuda")
    with pytest.raises(UserError, match="the vLLM that is installed computes on cuda, and the model is on cpu"):
        answers(VllmEngine(runner, VllmSettings()), questions())


def test_what_does_not_fit_into_a_gpus_memory_is_embedded_in_halves(
    runner: ModelRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, embed = answers(BatchedEngine(runner), questions()), runner.embed

    def in_little_memory(tries: Any, images: Any) -> Any:
        if len(tries) > 2 or any(trie.size == longest for trie in tries):
            raise torch.cuda.OutOfMemoryError("out of memory")
        return embed(tries, images)

    longest = max(runner.tokenize(request).num_tokens for request in questions())
    monkeypatch.setattr(runner, "embed", in_little_memory)
    stats = InferenceStats()
    theirs = answers(VllmEngine(runner, VllmSettings()), questions(), stats)
    failed = [index for index, response in enumerate(theirs) if response.error]
    assert 0 < len(failed) <= 3
    assert {theirs[index].error for index in failed} == {"out of GPU memory even in a batch of one"}
    assert [theirs[index] for index in range(11) if index not in failed] == [
        ours[index] for index in range(11) if index not in failed
    ]
    assert stats.oom_retries >= 3


def test_closing_early_leaves_vllm_nothing_to_compute(runner: ModelRunner) -> None:
    engine = VllmEngine(runner, VllmSettings())
    outcomes = engine.generate(questions(), InferenceStats())
    next(outcomes)
    assert started().requests
    outcomes.close()
    assert not started().requests


def test_vllm_starts_for_the_longest_request(runner: ModelRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    for request in [*questions(), Request("", 0, "ä漢\U0001f600 " * 9, "", (), 3)]:
        prompt = runner.tokenize(request)
        assert prompt.num_tokens + prompt.limits.most <= longest_possible(runner, request)
    runner.max_length = 50
    assert longest_possible(runner, questions()[0]) == 50 + 9, "longer ones are truncated"
    monkeypatch.setattr(vllm_engine, "longest_possible", lambda runner, request: 100 + len(request.message))
    answers(VllmEngine(runner, VllmSettings()), questions())
    assert started().arguments["max_model_len"] == 100 + max(len(request.message) for request in questions())


def test_the_engine_says_what_it_is(runner: ModelRunner) -> None:
    engine = VllmEngine(runner, VllmSettings(max_running=7))
    assert engine.describe().summary.endswith(f"; vLLM {VERSION} continues from the embeddings")
    assert (engine.describe().dtype, engine.describe().device) == ("float32", "cpu")
    assert engine.facts() == {"name": "vllm", "version": VERSION}
    engine.prepare(questions())
    facts = engine.facts()
    assert (facts["max_num_seqs"], facts["block_size"], facts["enable_prefix_caching"]) == (7, 32, True)
