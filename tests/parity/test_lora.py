"""LoRA folders of LLaVA and EMMA against the reference's numbers (`../shared/parity_checkpoints`)."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from emma_eval.images.sources import ImageFile
from emma_eval.models import load_model
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.prompts.building import build_message
from emma_eval.types import Request
from tests.fakes import first_token_logits
from tests.shared import needs_shared, shared

ROOT = shared("parity_checkpoints")
SETS = [("llava_lora", None, ""), ("emma_lora", "base", ""), ("emma_lora", None, "_trained")]
CASES = [(*one, case) for one in SETS for case in ("wide_short", "tall_choice", "rgba_unicode", "text_only")]

pytestmark = needs_shared("parity_checkpoints")


@cache
def index_of(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((ROOT / "visible" / name / "index.json").read_text())
    return content


@cache
def model_of(name: str, alignment: str | None) -> ModelRunner:
    folder, index = ROOT / "visible" / name, index_of(name)
    options = {"base": str(folder / index["base"])} | ({"alignment": alignment} if alignment else {})
    return load_model(str(folder / index["checkpoint"]), device="cpu", dtype="float32", options=options)


@pytest.mark.parametrize(("name", "alignment", "suffix", "case"), CASES)
@torch.inference_mode()
def test_a_lora_folder_answers_as_in_the_reference(name: str, alignment: str | None, suffix: str, case: str) -> None:
    facts = next(facts for facts in index_of(name)["cases"] if facts["id"] == case)
    folder, runner = ROOT / "visible" / name, model_of(name, alignment)
    with np.load(folder / facts["arrays"]) as stored:
        arrays = dict(stored)
    arrays |= {key.removesuffix(suffix): value for key, value in arrays.items() if suffix and key.endswith(suffix)}
    images = (ImageFile(folder, facts["image"]),) if facts["image"] else ()
    message = build_message(facts["question"], facts["suffix"], images=len(images))
    instruction = facts.get("instruction_text") or ""
    request = Request(case, 0, message, instruction, images, index_of(name)["max_new_tokens"])
    if images:
        features = runner.model.encode_images(torch.from_numpy(arrays["pixel_values"]))
        if runner.model.alignment:
            text = runner.model.encode_text(torch.from_numpy(arrays["instruction_ids"]).long())
            features = runner.model.alignment(features, runner.model.alignment.project_text(text))
        projected = runner.model.projector(features).numpy()
        np.testing.assert_allclose(projected, arrays["projected_features"], rtol=0, atol=5e-5)
    logits, _ = first_token_logits(runner, [request])
    np.testing.assert_allclose(logits[0].numpy(), arrays["first_logits"], rtol=0, atol=5e-5)
    assert list(runner.ask([request])[0].token_ids) == arrays["generated_ids"].tolist()
