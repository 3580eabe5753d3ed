"""LoRA folders of LLaVA and EMMA against the reference, for every index that names a base (EMMA_PARITY_DIR)."""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
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
from tests.shared import reason, shared

ROOT = shared("parity" if "EMMA_PARITY_DIR" in os.environ else "parity_checkpoints")
TRAINED = "_trained"  # of arrays by the alignment that was trained with the adapter; plain ones are by the base's


def find_cases() -> list[Any]:
    """(index file, case, alignment option): EMMA's with either alignment."""
    found = []
    for index in sorted(ROOT.rglob("index*.json")):
        content = json.loads(index.read_text())
        alignments = ("base", "own") if content.get("model") == "emma" else ("",)
        found += [
            pytest.param(index, facts, alignment, id=f"{index.parent.relative_to(ROOT)}-{facts['id']}-{alignment}")
            for facts in (content.get("cases", ()) if content.get("base") else ())
            for alignment in alignments
        ]
    return found or [pytest.param(None, None, "", marks=pytest.mark.skip(reason("parity_checkpoints")))]


@cache
def model_of(index: Path, alignment: str) -> ModelRunner:
    content = json.loads(index.read_text())
    options = {"base": str(index.parent / content["base"])} | ({"alignment": alignment} if alignment else {})
    return load_model(str(index.parent / content["checkpoint"]), device="cpu", dtype="float32", options=options)


@pytest.mark.parametrize(("index", "facts", "alignment"), find_cases())
@torch.inference_mode()
def test_a_lora_folder_answers_as_in_the_reference(index: Path, facts: dict[str, Any], alignment: str) -> None:
    runner = model_of(index, alignment)
    with np.load(index.parent / facts["arrays"]) as stored:
        arrays = dict(stored)
    if alignment == "own":
        arrays |= {key.removesuffix(TRAINED): value for key, value in arrays.items() if key.endswith(TRAINED)}
    images = (ImageFile(index.parent, facts["image"]),) if facts["image"] else ()
    message = build_message(facts["question"], facts["suffix"], images=len(images))
    max_new_tokens = json.loads(index.read_text())["max_new_tokens"]
    request = Request(facts["id"], 0, message, facts.get("instruction_text") or "", images, max_new_tokens)
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
