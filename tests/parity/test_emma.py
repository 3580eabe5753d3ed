"""EMMA and LLaVA-1.5: our numbers against the reference's."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
import torch

from emma_eval.models.checkpoints.templates import render_prompt
from emma_eval.models.clip.text_tokenizer import tokenize_instruction
from emma_eval.models.multimodal.batching import MultimodalPrompt
from emma_eval.prompts.building import build_message, instruction_of
from emma_eval.types import IMAGE_MARKER, Request
from tests.fakes import first_token_logits
from tests.parity.cases import (
    Case,
    all_cases,
    batches,
    check_answer,
    check_companions_do_not_matter,
    check_pixels,
    close,
    model_of,
    parameters,
)
from tests.shared import reason, shared

CASES = parameters("emma")
TESTED = {"emma", "lora", "mistral", "mplug_owl2"}  # by the files here


def request_of(case: Case) -> Request:
    shown = IMAGE_MARKER in case.facts["prompt"]  # the reference's MathVista script shows the model no image
    return Request(
        sample_id=case.facts["id"],
        pass_index=0,
        message=build_message(case.facts["question"], case.facts["suffix"], images=int(shown)),
        instruction=case.facts["instruction_text"] or "",
        images=case.images if shown else (),
        max_new_tokens=case.max_new_tokens,
    )


@cache
def prompt_of(folder: Path, request: Request) -> MultimodalPrompt:
    return model_of(folder).tokenize(request)


def test_every_case_is_tested_by_a_file_of_this_folder() -> None:
    assert {case.kind for case in all_cases()} <= TESTED


@pytest.mark.parametrize("case", CASES)
def test_prompt_and_instruction_are_rendered_alike(case: Case) -> None:
    facts = case.facts
    if facts["instruction_source"]:
        assert instruction_of(facts["question"], facts["instruction_source"]) == facts["instruction_text"]
    assert render_prompt(request_of(case).message) == facts["prompt"]


@pytest.mark.parametrize("case", CASES)
def test_ids_and_pixels_are_identical(case: Case) -> None:
    ours, arrays = prompt_of(case.folder, request_of(case)), case.arrays
    assert list(ours.input_ids) == arrays["input_ids"][0].tolist()
    if "instruction_ids" in arrays:
        assert ours.instruction_ids is not None
        assert list(ours.instruction_ids) == arrays["instruction_ids"][0].tolist()
    if "pixel_values" in arrays:
        check_pixels(model_of(case.folder), case)


@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_features_are_the_references(case: Case) -> None:
    model, arrays = model_of(case.folder).model, case.arrays
    if "pixel_values" not in arrays:
        pytest.skip("a text-only case has no features")
    features = model.encode_images(torch.from_numpy(arrays["pixel_values"]))
    close(features, arrays["vision_features"])
    if "text_features" in arrays:
        assert model.alignment is not None
        text = model.encode_text(torch.from_numpy(arrays["instruction_ids"]).long())
        close(text, arrays["text_features"])
        projected_text = model.alignment.project_text(text)
        close(projected_text, arrays["text_projected"])
        features = model.alignment(features, projected_text)
        close(features, arrays["aligned_features"])
    close(model.projector(features), arrays["projected_features"])


@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_logits_and_answers_are_the_references(case: Case) -> None:
    runner, request = model_of(case.folder), request_of(case)
    check_answer(runner, request, case.arrays)
    (answer,) = runner.ask([request])
    assert list(answer.token_ids) == case.facts["generated_ids"]
    if case.facts["text_comparable"]:
        assert answer.text == case.facts["text"]


@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_half_precision_follows_the_references_half_precision(case: Case) -> None:
    arrays, fp16 = case.arrays, case.facts.get("fp16")
    if not fp16 or "first_logits_fp16" not in arrays:
        pytest.skip("no half-precision numbers")
    runner, request = model_of(case.folder, "float16"), request_of(case)
    logits, _ = first_token_logits(runner, [request])
    known = runner.model.llama.config.vocab_size
    close(logits[0, :known], arrays["first_logits_fp16"][:known], 0.05)
    if case.facts["min_top1_margin"] > 0.04:  # nearer ties may fall either way in half precision
        assert list(runner.ask([request])[0].token_ids) == fp16["generated_ids"]


@pytest.mark.parametrize("cases", batches("emma"))
@torch.inference_mode()
def test_answers_do_not_depend_on_companions(cases: list[Case]) -> None:
    check_companions_do_not_matter(model_of(cases[0].folder), [request_of(case) for case in cases])


def test_instruction_tokenizer() -> None:
    path = shared("parity") / "instruction_tokenizer.json"
    if not path.is_file():
        pytest.skip(reason("parity/instruction_tokenizer.json"))
    for item in json.loads(path.read_text())["items"]:
        assert list(tokenize_instruction(item["text"])) == item["ids"], item["text"]
