"""Sharing changes no answer: tries, prefixes, masks and CUDA graphs against each prompt alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.runner import run_requests
from emma_eval.models import load_model
from emma_eval.models.llama import cuda_graphs, generation, kv_cache
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.models.ops.attention import attention
from emma_eval.types import InferenceStats, Request
from tests.fakes import LoadedImage, first_token_logits, make_image
from tests.tiny_checkpoint import EMMA, LLAVA, TinyCheckpoint
from tests.tiny_mplug_owl2 import MPLUG_OWL2, TinyMPlugOwl2

SYSTEM = "A chat between a person and a machine. USER: "
ROOM_FOR = 60


@pytest.fixture(scope="module", params=[EMMA, LLAVA, MPLUG_OWL2], ids=["emma", "llava", "mplug_owl2"])
def runner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelRunner:
    tiny: TinyCheckpoint | TinyMPlugOwl2 = request.param
    return load_model(str(tiny.write(tmp_path_factory.mktemp("sharing"))), device="cpu")


def questions() -> list[Request]:
    """Three images, four questions on each, two of them with the same instruction; and two without an image."""
    images = [LoadedImage(make_image(40, 30 + 9 * n, seed=n)) for n in range(3)]
    texts = ["what is left of the ball", "what is red", "is it a ball or a cube", "what"]
    about = [
        Request(f"{p}-{q}", 0, f"{SYSTEM}<image>\n{question}? ASSISTANT:", question[:6], (image,), 9 - 2 * q)
        for p, image in enumerate(images)
        for q, question in enumerate(texts)
    ]
    return [
        *about,
        *(Request(text, 0, f"{SYSTEM}{text} ASSISTANT:", text, (), 6) for text in ("left?", "right or left?")),
    ]


Answers = dict[int, tuple[str | None, int]]  # index -> text and number of tokens


def ids(runner: ModelRunner, requests: list[Request], sharing: bool) -> tuple[Answers, InferenceStats]:
    stats = InferenceStats()
    engine = BatchedEngine(runner, sharing=sharing)
    return {n: (r.text, r.tokens) for n, r in run_requests(engine, requests, stats)}, stats


def test_answers_are_the_same_and_fewer_tokens_are_computed(runner: ModelRunner) -> None:
    alone, whole = ids(runner, questions(), sharing=False)
    together, shared = ids(runner, questions(), sharing=True)
    assert together == alone
    assert whole.computed_tokens == whole.prompt_tokens == shared.prompt_tokens
    assert shared.computed_tokens < whole.computed_tokens / (1.3 if runner.tokenize_instruction else 2)


@torch.inference_mode()
def test_logits_hardly_change_behind_a_prefix_and_in_a_trie(runner: ModelRunner) -> None:
    requests = questions()
    prompts = [runner.tokenize(request) for request in requests]
    pixels = {image: runner.preprocess_image(image) for request in requests for image in request.images}
    prefix = runner.shared_prefix(prompts)
    assert len(prefix) > 5
    rows = runner.collate(prompts, prefix)
    logits, _ = runner.prefill(rows, pixels)
    for member, ours in zip([m for row in rows for m in row.indices], logits, strict=True):
        alone, _ = first_token_logits(runner, [requests[member]])
        torch.testing.assert_close(ours, alone[0], rtol=0, atol=3e-5)


@torch.inference_mode()
def test_rows_with_and_without_the_prefix_go_together(runner: ModelRunner) -> None:
    odd = Request("odd", 0, "No system text here. <image> what?", "what", (LoadedImage(make_image(seed=9)),), 3)
    requests = [*questions()[:3], odd]
    prompts = [runner.tokenize(request) for request in requests]
    pixels = {image: runner.preprocess_image(image) for request in requests for image in request.images}
    rows = runner.collate(prompts, runner.shared_prefix(prompts[:3]))
    logits, _ = runner.prefill(rows, pixels)
    torch.testing.assert_close(logits[-1], first_token_logits(runner, [odd])[0][0], rtol=0, atol=3e-5)


@pytest.mark.parametrize("room", [1, 8])
def test_answers_that_outgrow_the_slots_reserved_at_first(
    runner: ModelRunner, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = [Request(r.sample_id, 0, r.message, r.instruction, r.images, 40) for r in questions()]
    expected, _ = ids(runner, long, sharing=False)
    monkeypatch.setattr(generation, "DECODE_SLOTS", room)
    assert ids(runner, long, sharing=True)[0] == expected


@pytest.mark.parametrize("questions_a_image", [1, 4])
def test_what_a_gpu_would_do_answers_alike(
    runner: ModelRunner, monkeypatch: pytest.MonkeyPatch, questions_a_image: int
) -> None:
    """Slots in multiples of 16, no mask where rows are causal, and CUDA graphs, each replaced by the function that it
    captures; addresses, masks and slots stay."""
    asked = questions()[: 12 : 4 // questions_a_image]
    expected, _ = ids(runner, asked, sharing=False)
    captured = []
    monkeypatch.setattr(generation, "CAUSAL_DEVICES", ("cpu",))
    monkeypatch.setattr(runner.kv_cache, "_slot_multiple", kv_cache.SLOT_MULTIPLE)
    monkeypatch.setattr(cuda_graphs, "capture", lambda compute, pool: captured.append(compute) or compute)
    monkeypatch.setattr(cuda_graphs, "CAPTURE_AFTER", 1)
    monkeypatch.setattr(runner, "decode_graphs", cuda_graphs.DecodeGraphs(runner.model.llama, runner.kv_cache))
    for _ in range(2):  # the second time every step has been captured
        assert ids(runner, asked, sharing=True)[0] == expected
    assert captured


def test_graphs_are_captured_anew_when_the_buffers_have_moved(
    runner: ModelRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A graph reads and writes where keys and values lay when it was captured."""
    fresh = replace(runner)
    captured = []
    monkeypatch.setattr(cuda_graphs, "capture", lambda compute, pool: captured.append(compute) or compute)
    monkeypatch.setattr(cuda_graphs, "CAPTURE_AFTER", 1)
    monkeypatch.setattr(fresh, "decode_graphs", cuda_graphs.DecodeGraphs(fresh.model.llama, fresh.kv_cache))
    counts = []
    for asked in (questions()[:1], questions()[:1], questions(), questions()[:1]):
        ids(fresh, asked, sharing=True)
        counts.append(len(captured))
    assert 0 < counts[0] == counts[1] < counts[2] < counts[3]


def test_a_gpu_that_cannot_capture_decodes_without(runner: ModelRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(compute: object, pool: object) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    expected, _ = ids(runner, questions(), sharing=True)
    monkeypatch.setattr(cuda_graphs, "capture", refuse)
    monkeypatch.setattr(cuda_graphs, "CAPTURE_AFTER", 1)
    monkeypatch.setattr(runner, "decode_graphs", cuda_graphs.DecodeGraphs(runner.model.llama, runner.kv_cache))
    with pytest.warns(UserWarning, match="CUDA graphs are off"):
        assert ids(runner, questions(), sharing=True)[0] == expected


def test_graphs_neither_bypass_a_hook_nor_outlive_a_replaced_module(
    runner: ModelRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = replace(runner)
    captured, calls = [], []
    monkeypatch.setattr(cuda_graphs, "capture", lambda compute, pool: captured.append(compute) or compute)
    monkeypatch.setattr(cuda_graphs, "CAPTURE_AFTER", 1)
    fresh.decode_graphs = graphs = cuda_graphs.DecodeGraphs(fresh.model.llama, fresh.kv_cache)
    ids(fresh, questions()[:1], sharing=True)
    before = len(captured)
    assert before == len(graphs) > 0
    layer = fresh.model.llama.layers[1]
    with layer.o_proj.register_forward_hook(lambda *_: calls.append(1)):
        _, usage = ids(fresh, questions()[:1], sharing=True)
    assert len(calls) == usage.new_tokens + (usage.computed_tokens == 0)
    assert len(captured) == before
    layer.o_proj = torch.nn.Sequential(layer.o_proj)
    ids(fresh, questions()[:1], sharing=True)
    layer.o_proj = layer.o_proj[0]
    assert len(captured) == 2 * before
    assert len(graphs) == before


@pytest.mark.parametrize(("queries", "keys"), [(5, 5), (5, 9), (1, 9)])
def test_attention_without_a_mask_is_causal_from_the_end(queries: int, keys: int) -> None:
    torch.manual_seed(0)
    query, key, value = torch.randn(2, 4, queries, 8), torch.randn(2, 4, keys, 8), torch.randn(2, 4, keys, 8)
    mask = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)
    expected = scaled_dot_product_attention(query, key, value, attn_mask=mask).transpose(1, 2).flatten(2)
    torch.testing.assert_close(attention(query, key, value, is_causal=True), expected)


def test_a_gpu_that_runs_out_of_memory_within_the_forward_pass(
    runner: ModelRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first layer finds no room for more than 60 tokens: batches and tries are halved until they fit."""
    expected, _ = ids(runner, questions(), sharing=True)
    layer = runner.model.llama.layers[0]
    fitting = layer.forward

    def crowded(hidden: torch.Tensor, *rest: object) -> torch.Tensor:
        if hidden.shape[0] * hidden.shape[1] > ROOM_FOR:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return fitting(hidden, *rest)

    monkeypatch.setattr(layer, "forward", crowded)
    found, stats = ids(runner, questions(), sharing=True)
    assert found == expected
    assert stats.oom_retries > 0
