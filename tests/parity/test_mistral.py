"""LLaVA with a Mistral language model: our numbers against those of LLaVA's own code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.prompts.building import build_message
from emma_eval.types import Generation, Request
from tests.fakes import first_token_logits
from tests.parity.cases import Case, cases_of, check_answer, check_pixels, close, model_of, none_found

QUESTIONS = ("What colour is the kite?", "What colour is the house?", "Is it day?", "What is near the kite?\nA. sea")


def with_readings() -> list[Any]:
    """(case, reading): each reading of the window that a case has."""
    found = [
        pytest.param(case, reading, id=f"{case.id}-{reading}")
        for case in cases_of("mistral")
        for reading in ("reference", *(("paper",) if "window" in case.facts.get("expectations", {}) else ()))
    ]
    return found or [none_found(2)]


CASES = with_readings()


def request_of(case: Case, question: str = "") -> Request:
    return Request(
        sample_id=case.facts["id"],
        pass_index=0,
        message=build_message(question or case.facts["question"], case.facts["suffix"], images=len(case.images)),
        instruction="",
        images=case.images,
        max_new_tokens=case.max_new_tokens,
    )


def arrays_of(case: Case, reading: str) -> dict[str, np.ndarray]:
    """The case's arrays; those with the window applied in place of the plain ones for `paper`."""
    arrays, suffix = case.arrays, "_window"
    applied = {name.removesuffix(suffix): value for name, value in arrays.items() if name.endswith(suffix)}
    return arrays | applied if reading == "paper" else arrays


@pytest.mark.parametrize(("case", "reading"), CASES)
@torch.inference_mode()
def test_ids_pixels_features_logits_and_answers_are_the_references(case: Case, reading: str) -> None:
    runner, request, facts = model_of(case.folder, sliding_window=reading), request_of(case), case.facts
    arrays = arrays_of(case, reading)
    assert runner.render_prompt(request.message) == facts["prompt"]
    assert list(runner.tokenize(request).input_ids) == arrays["input_ids"][0].tolist()
    if "pixel_values" in arrays:
        check_pixels(runner, case)
        features = runner.model.encode_images(torch.from_numpy(arrays["pixel_values"]))
        close(features, arrays["vision_features"])
        close(runner.model.projector(features), arrays["projected_features"])
    pixel_values = torch.from_numpy(arrays["pixel_values"]) if "pixel_values" in arrays else None
    plain, _ = runner.model(torch.from_numpy(arrays["input_ids"][0]), pixel_values)  # without trie and cache
    close(plain[0, -1], arrays["first_logits"])
    check_answer(runner, request, arrays)
    (answer,) = runner.ask([request])
    expected = facts["expectations"]["window"] if reading == "paper" else facts
    assert list(answer.token_ids) == expected["generated_ids"]
    assert answer.text == expected["text"]


@pytest.mark.parametrize(("case", "reading"), CASES)
def test_several_questions_on_one_image_are_answered_as_one_at_a_time(case: Case, reading: str) -> None:
    """As rows of a trie behind a shared prefix, all answers in one batch; some of them end before the others."""
    runner = model_of(case.folder, sliding_window=reading)
    requests = [request_of(case, question) for question in (case.facts["question"], *QUESTIONS)]
    requests = [replace(request, max_new_tokens=30 - 5 * number) for number, request in enumerate(requests)]
    alone = [runner.ask([request])[0] for request in requests]
    assert runner.ask(requests) == alone
    assert runner.ask(requests[::-1])[::-1] == alone
    assert with_shared_prefix(runner, requests) == alone
    assert len({answer.token_ids for answer in alone}) > 1


@pytest.mark.parametrize(("case", "reading"), CASES)
@torch.inference_mode()
def test_half_precision_follows_the_references_half_precision(case: Case, reading: str) -> None:
    arrays = case.arrays
    if reading == "paper" or "first_logits_fp16" not in arrays:
        pytest.skip("no half-precision numbers")
    runner = model_of(case.folder, "float16", sliding_window=reading)
    logits, _ = first_token_logits(runner, [request_of(case)])
    close(logits[0], arrays["first_logits_fp16"], 0.05)


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
