"""LLaVA with a Mistral language model: our numbers against those of LLaVA's own code."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emma_eval.images.sources import ImageFile
from emma_eval.models import load_model
from emma_eval.models.llama.generation import decode_step
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.prompts.building import build_message
from emma_eval.types import Generation, Request
from tests.fakes import first_token_logits
from tests.shared import reason, shared

ROOT = shared("parity" if "EMMA_PARITY_DIR" in os.environ else "parity_checkpoints")
TOLERANCE = 5e-5
QUESTIONS = ("What colour is the kite?", "What colour is the house?", "Is it day?", "What is near the kite?\nA. sea")


def find_cases() -> list[Any]:
    """Every case of an index whose checkpoint is a whole llava_mistral, for each reading of the window that it has."""
    found = [
        pytest.param(index, facts, reading, id=f"{index.parent.relative_to(ROOT)}-{facts['id']}-{reading}")
        for index in sorted(ROOT.rglob("index*.json"))
        for facts in json.loads(index.read_text()).get("cases", ())
        if "checkpoint" in facts and not facts["base"] and is_mistral(index.parent / facts["checkpoint"])
        for reading in ("reference", *(("paper",) if "window" in facts.get("expectations", {}) else ()))
    ]
    return found or [pytest.param(None, None, None, marks=pytest.mark.skip(reason("parity_checkpoints")))]


def is_mistral(folder: Path) -> bool:
    return bool(json.loads((folder / "config.json").read_text())["model_type"] == "llava_mistral")


CASES = find_cases()


@cache
def model_of(folder: Path, reading: str, dtype: str = "float32") -> ModelRunner:
    return load_model(str(folder), device="cpu", dtype=dtype, options={"sliding_window": reading})


def request_of(index: Path, facts: dict[str, Any], question: str = "") -> Request:
    image = facts["image"]
    return Request(
        sample_id=facts["id"],
        pass_index=0,
        message=build_message(question or facts["question"], facts["suffix"], images=int(image is not None)),
        instruction="",
        images=(ImageFile(index.parent, image),) if image else (),
        max_new_tokens=json.loads(index.read_text())["max_new_tokens"],
    )


def arrays_of(index: Path, facts: dict[str, Any], reading: str) -> dict[str, np.ndarray]:
    """The case's arrays; those with the window applied in place of the plain ones for `paper`."""
    with np.load(index.parent / facts["arrays"]) as stored:
        arrays = dict(stored)
    suffix = "_window"
    applied = {name.removesuffix(suffix): value for name, value in arrays.items() if name.endswith(suffix)}
    return arrays | applied if reading == "paper" else arrays


def close(ours: torch.Tensor, theirs: np.ndarray) -> None:
    assert tuple(ours.shape) == theirs.shape
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize(("index", "facts", "reading"), CASES)
@torch.inference_mode()
def test_ids_pixels_features_logits_and_answers_are_the_references(index: Path, facts: Any, reading: str) -> None:
    runner, request = model_of(index.parent / facts["checkpoint"], reading), request_of(index, facts)
    arrays = arrays_of(index, facts, reading)
    assert runner.render_prompt(request.message) == facts["prompt"]
    assert list(runner.tokenize(request).input_ids) == arrays["input_ids"][0].tolist()
    if "pixel_values" in arrays:
        pixels = runner.processor(request.images[0].open())
        np.testing.assert_array_equal(pixels[None], arrays["pixel_values"])
        assert hashlib.sha256(pixels.astype("<f4").tobytes()).hexdigest() == facts["pixel_values_sha256"]
        features = runner.model.encode_images(torch.from_numpy(arrays["pixel_values"]))
        close(features, arrays["vision_features"])
        close(runner.model.projector(features), arrays["projected_features"])
    pixel_values = torch.from_numpy(arrays["pixel_values"]) if "pixel_values" in arrays else None
    plain, _ = runner.model(torch.from_numpy(arrays["input_ids"][0]), pixel_values)  # without trie and cache
    close(plain[0, -1], arrays["first_logits"])
    logits, state = first_token_logits(runner, [request])
    close(logits[0], arrays["first_logits"])
    steps = (arrays[name] for name in ("step_top5_ids", "step_top5_logits", "generated_ids"))
    for ids, values, token in zip(*steps, strict=True):
        close(logits[0, torch.from_numpy(ids).long()], values)
        logits = decode_step(runner.model.llama, state, torch.tensor([int(token)]))
    (answer,) = runner.ask([request])
    assert list(answer.token_ids) == arrays["generated_ids"].tolist()
    expected = facts["expectations"]["window"] if reading == "paper" else facts
    assert list(answer.token_ids) == expected["generated_ids"]
    assert answer.text == expected["text"]


@pytest.mark.parametrize(("index", "facts", "reading"), CASES)
def test_several_questions_on_one_image_are_answered_as_one_at_a_time(index: Path, facts: Any, reading: str) -> None:
    """As rows of a trie behind a shared prefix, all answers in one batch; some of them end before the others."""
    runner = model_of(index.parent / facts["checkpoint"], reading)
    requests = [request_of(index, facts, question) for question in (facts["question"], *QUESTIONS)]
    requests = [replace(request, max_new_tokens=30 - 5 * number) for number, request in enumerate(requests)]
    alone = [runner.ask([request])[0] for request in requests]
    assert runner.ask(requests) == alone
    assert runner.ask(requests[::-1])[::-1] == alone
    assert with_shared_prefix(runner, requests) == alone
    assert len({answer.token_ids for answer in alone}) > 1


@pytest.mark.parametrize(("index", "facts", "reading"), CASES)
@torch.inference_mode()
def test_half_precision_follows_the_references_half_precision(index: Path, facts: Any, reading: str) -> None:
    arrays = arrays_of(index, facts, reading)
    if reading == "paper" or "first_logits_fp16" not in arrays:
        pytest.skip("no half-precision numbers")
    logits, _ = first_token_logits(
        model_of(index.parent / facts["checkpoint"], reading, "float16"), [request_of(index, facts)]
    )
    np.testing.assert_allclose(logits[0].float(), arrays["first_logits_fp16"], rtol=0, atol=0.05)


def with_shared_prefix(runner: ModelRunner, requests: list[Request]) -> list[Generation]:
    """The answers of one batch whose common beginning is computed before it."""
    prompts = [runner.tokenize(request) for request in requests]
    pixels = {image: runner.preprocess_image(image) for request in requests for image in request.images}
    rows = runner.collate(prompts, runner.shared_prefix(prompts))
    assert all(row.prefix for row in rows)
    answers: dict[int, Generation] = {}
    for row, generations in zip(rows, runner.generate(rows, pixels), strict=True):
        answers |= dict(zip(row.indices, generations, strict=True))
    return [answers[number] for number in range(len(requests))]
