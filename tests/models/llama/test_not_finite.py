"""Logits that are not finite are no answer: the sample fails with a reason and advice, and no other sample does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from emma_eval.errors import SampleError
from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.runner import run_requests
from emma_eval.models import load_model
from emma_eval.models.llama.generation import argmax_tokens
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import Request, Response
from tests.fakes import PROMPT, LoadedImage, make_image, request
from tests.tiny_checkpoint import EMMA

NAN, INF = float("nan"), float("inf")


def nan_projector(tensors: dict[str, Tensor]) -> None:
    tensors["model.mm_projector.2.bias"][:] = NAN


def one_infinite_weight(tensors: dict[str, Tensor]) -> None:
    tensors["model.layers.1.mlp.down_proj.weight"][0, 0] = INF


def overflow(tensors: dict[str, Tensor]) -> None:
    """The same function in float32 and bfloat16, whose range is eight times as many binary orders as float16's."""
    tensors["model.layers.1.mlp.up_proj.weight"] *= 2.0**18
    tensors["model.layers.1.mlp.down_proj.weight"] /= 2.0**18


def altered(root: Path, change: Callable[[dict[str, Tensor]], None], dtype: str = "float32") -> ModelRunner:
    folder = EMMA.write(root)
    path = folder / "model.safetensors"
    tensors = {name: value.clone() for name, value in load_file(path).items()}
    change(tensors)
    save_file(tensors, path)
    return load_model(str(folder), device="cpu", dtype=dtype)


def questions(count: int = 3) -> list[Request]:
    """Questions about one image, which share a row."""
    image = LoadedImage(make_image())
    return [Request(str(n), 0, PROMPT.replace("left", f"left {n}"), "left", (image,), 4) for n in range(count)]


def responses(runner: ModelRunner, requests: list[Request]) -> list[Response]:
    return [response for _, response in sorted(run_requests(BatchedEngine(runner), requests))]


@pytest.mark.parametrize("row", [[NAN, 1.0], [1.0, NAN], [INF, 1.0], [1.0, -INF], [INF, -INF], [-INF, -INF]])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_one_value_that_is_not_finite_is_found(row: list[float], dtype: torch.dtype) -> None:
    tokens, not_finite = argmax_tokens(torch.tensor([row, [1.0, 2.0]], dtype=dtype))
    assert not_finite.tolist() == [1, 0]
    assert tokens.tolist()[1] == 1


def test_large_logits_are_finite() -> None:
    """Their sum in float16 is not."""
    assert argmax_tokens(torch.full((1, 40_000), 6e4, dtype=torch.float16))[1].tolist() == [0]


@pytest.mark.parametrize("change", [nan_projector, one_infinite_weight])
def test_every_sample_fails_with_the_reason(change: Callable[[dict[str, Tensor]], None], tmp_path: Path) -> None:
    runner = altered(tmp_path, change)
    for response in responses(runner, questions()):
        assert (response.text, response.finish_reason) == (None, "error")
        assert "logits are not finite" in (response.error or "")
        assert "weights are broken" in (response.error or "")
    with pytest.raises(SampleError, match="logits are not finite"):
        runner.ask([request(PROMPT, make_image())])


def test_text_alone_is_answered_where_only_images_break(tmp_path: Path) -> None:
    runner = altered(tmp_path, nan_projector)
    text_only = Request("text", 0, "USER: hello ASSISTANT:", "", (), 3)
    fine, *broken = responses(runner, [text_only, *questions()])
    assert fine.error is None and fine.tokens
    assert all(one.error for one in broken)


@pytest.mark.parametrize(("dtype", "fails"), [("float16", True), ("bfloat16", False), ("float32", False)])
def test_an_overflow_of_float16_advises_another_dtype(dtype: str, fails: bool, tmp_path: Path) -> None:
    runner = altered(tmp_path, overflow, dtype)
    for response in responses(runner, questions()):
        assert (response.error is not None) is fails
        assert not fails or "--dtype bfloat16" in (response.error or "")


def test_a_question_that_fails_leaves_those_about_the_same_image_alone(tmp_path: Path) -> None:
    """They share a row, in which a NaN spreads: each that failed is computed again alone."""
    runner = altered(tmp_path, lambda tensors: None)
    requests = questions(3)
    sound = responses(runner, requests)
    bad = next(
        token for token in runner.tokenize(requests[1]).input_ids if token not in runner.tokenize(requests[0]).input_ids
    )
    with torch.inference_mode():
        runner.model.llama.embed_tokens.weight[bad] = NAN
    first, second, third = responses(runner, requests)
    assert second.error
    assert (first.text, third.text) == (sound[0].text, sound[2].text)


def test_why_an_answer_ended(tmp_path: Path) -> None:
    folder = EMMA.write(tmp_path)
    (response,) = responses(load_model(str(folder), device="cpu"), questions(1))
    assert (response.finish_reason, response.tokens, response.prompt_cut) == ("length", 4, False)
    first = load_model(str(folder), device="cpu").ask(questions(1))[0].token_ids[0]
    (folder / "generation_config.json").write_text(f'{{"eos_token_id": {first}}}')
    (response,) = responses(load_model(str(folder), device="cpu"), questions(1))
    assert (response.finish_reason, response.tokens) == ("stop", 1)


def test_a_prompt_longer_than_the_model_reads_is_recorded_as_truncated(tmp_path: Path) -> None:
    folder = replace(EMMA, max_length=25).write(tmp_path)
    runner = load_model(str(folder), device="cpu")
    (response,) = responses(runner, questions(1))
    assert response.prompt_cut
