"""mPLUG-Owl2: our numbers against those of its authors' code, one prompt at a time (its own batches are wrong)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import torch

from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import IMAGE_MARKER, Request
from tests.fakes import first_token_logits
from tests.parity.cases import (
    DEVICE,
    Case,
    batches,
    check_answer,
    check_companions_do_not_matter,
    check_pixels,
    close,
    model_of,
    parameters,
)

TOLERANCE, HALF_TOLERANCE = 1e-4, 0.1  # the reference's own half precision is up to 0.08 off
HALF_MARGIN = 0.05  # nearer ties may fall either way in half precision
CASES = parameters("mplug_owl2")
MARKER = "<|image|>"


def runner_of(case: Case, dtype: str = "float32") -> ModelRunner[Any]:
    """The model with the case's template and preparation of images."""
    facts = case.facts
    ratio = "resize" if facts["squash_to_square_first"] else facts["image_aspect_ratio"]
    options = {"image_aspect_ratio": ratio if ratio in ("pad", "resize") else "none"}
    if not facts["prompt"].endswith(" "):
        options["template"] = "mplug_owl2"
    return model_of(case.folder, dtype, **options)


def request_of(case: Case) -> Request:
    """The case's whole prompt."""
    facts = case.facts
    return Request(
        facts["id"], 0, facts["prompt"], "", case.images, case.max_new_tokens, facts["min_new_tokens"], is_raw=True
    )


@pytest.mark.parametrize("case", CASES)
def test_prompts_ids_modalities_and_pixels_are_identical(case: Case) -> None:
    runner, raw, arrays = runner_of(case), request_of(case), case.arrays
    prompt = runner.tokenize(raw)
    inner = re.fullmatch(r"USER: (.*) ASSISTANT: ?", raw.message, re.DOTALL)
    if inner and IMAGE_MARKER not in raw.message:
        message = replace(raw, message=inner[1].replace(MARKER, IMAGE_MARKER), is_raw=False)
        assert message.prompt(runner.render_prompt) == raw.message
        assert prompt.items == runner.tokenize(message).items
    assert list(prompt.input_ids) == arrays["input_ids"][0].tolist()
    (row,) = runner.collate([prompt])
    assert row.trie.is_image().tolist() == (arrays["modality"][0] == 1).tolist()
    if case.images:
        check_pixels(runner, case)


@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_features_embeddings_and_the_first_layer_are_the_references(case: Case) -> None:
    model, arrays = runner_of(case).model, case.arrays
    pixels = torch.from_numpy(arrays["pixel_values"]) if case.images else None
    if pixels is not None:
        features = model.vision_features(pixels)
        close(features, arrays["vision_features"], TOLERANCE)
        close(model.abstract(features), arrays["abstractor_features"], TOLERANCE)
    seen = {}
    first = model.llama.layers[0]
    hook = first.register_forward_hook(lambda layer, inputs, output: seen.update(input=inputs[0], output=output[0]))
    logits, output = model(torch.from_numpy(arrays["input_ids"][0]).to(DEVICE), pixels, output_hidden_states=True)
    hook.remove()
    close(seen["input"], arrays["inputs_embeds"], TOLERANCE)
    close(seen["output"], arrays["layer0_output"], TOLERANCE)
    close(logits[0, -1], arrays["first_logits"], TOLERANCE)
    assert torch.equal(output.hidden_states[0], seen["input"])


@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_logits_and_answers_are_the_references(case: Case) -> None:
    runner, request = runner_of(case), request_of(case)
    check_answer(runner, request, case.arrays)
    (answer,) = runner.ask([request])
    assert list(answer.token_ids) == case.facts["generated_ids"]
    assert (answer.finish_reason == "stop") is case.facts["stopped_on_eos"]
    if case.facts["text_comparable"]:
        assert answer.text == case.facts["text"]
    if case.facts["end_id_suppressed_at_first_step"]:
        (free,) = runner.ask([replace(request, min_new_tokens=0)])
        assert free.token_ids[0] in runner.eos_ids


@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_half_precision_follows_the_references_half_precision(case: Case) -> None:
    if "first_logits_fp16" not in case.arrays:
        pytest.skip("no half-precision numbers")
    runner, request = runner_of(case, "float16"), request_of(case)
    logits, _ = first_token_logits(runner, [request])
    close(logits[0], case.arrays["first_logits_fp16"], HALF_TOLERANCE)
    if case.facts["min_top1_margin"] > HALF_MARGIN:
        assert list(runner.ask([request])[0].token_ids) == case.facts["fp16"]["generated_ids"]


@pytest.mark.parametrize("cases", batches("mplug_owl2"))
@torch.inference_mode()
def test_answers_do_not_depend_on_companions(cases: list[Case]) -> None:
    """Several questions on an image in one row, several images and none, with and without barred end ids."""
    questions = [
        replace(
            request_of(case),
            message=case.facts["prompt"].replace(" ASSISTANT", f" {more} ASSISTANT"),
            min_new_tokens=number % 3,
            max_new_tokens=3 + 4 * number,
        )
        for case in cases
        for number, more in enumerate(["Why?", "Why not?", "Is it so?\nA. yes"])
    ]
    check_companions_do_not_matter(runner_of(cases[0]), [*map(request_of, cases), *questions])
