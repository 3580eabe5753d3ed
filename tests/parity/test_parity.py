"""Our numbers against the reference's, for every checkpoint and case of the parity folder (EMMA_PARITY_DIR)."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emma_eval.images.sources import ImageFile
from emma_eval.models import load_model
from emma_eval.models.checkpoints.templates import render_prompt
from emma_eval.models.clip.text_tokenizer import tokenize_instruction
from emma_eval.models.llama.generation import decode_step
from emma_eval.models.multimodal.batching import MultimodalPrompt
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.prompts.building import build_message, instruction_of
from emma_eval.types import IMAGE_MARKER, Request
from tests.fakes import first_token_logits
from tests.shared import reason, shared

ROOT = shared("parity")
DEVICE = os.environ.get("EMMA_PARITY_DEVICE", "cpu")
TOLERANCE = 5e-5 if DEVICE == "cpu" else 1e-4


@dataclass(frozen=True)
class Case:
    """One case of an index, with the reference's arrays."""

    index: Path
    facts: dict[str, Any]

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        with np.load(self.index.parent / self.facts["arrays"]) as arrays:
            return dict(arrays)

    @property
    def images(self) -> tuple[ImageFile, ...]:
        return (ImageFile(self.index.parent, self.facts["image"]),) if self.facts["image"] else ()

    def request(self) -> Request:
        # A prompt without a marker (the reference's MathVista script) shows the model no image.
        shown = IMAGE_MARKER in self.facts["prompt"]
        return Request(
            sample_id=self.facts["id"],
            pass_index=0,
            message=build_message(self.facts["question"], self.facts["suffix"], images=int(shown)),
            instruction=self.facts["instruction_text"] or "",
            images=self.images if shown else (),
            max_new_tokens=json.loads(self.index.read_text())["max_new_tokens"],
        )


def find_cases() -> list[Any]:
    cases = []
    for index in sorted(ROOT.rglob("index*.json")):
        content = json.loads(index.read_text())
        if "cases" not in content or "checkpoint" not in content or content.get("base"):  # test_mistral, test_lora
            continue
        cases += [
            pytest.param(Case(index, facts), id=f"{index.relative_to(ROOT).with_suffix('')}-{facts['id']}")
            for facts in content["cases"]
        ]
    return cases or [pytest.param(None, marks=pytest.mark.skip(reason("parity")))]


CASES = find_cases()


@cache
def model_of(index: Path, dtype: str = "float32") -> ModelRunner:
    return load_model(str(index.parent / json.loads(index.read_text())["checkpoint"]), device=DEVICE, dtype=dtype)


@cache
def prompt_of(case_index: Path, case_id: str) -> MultimodalPrompt:
    facts = next(facts for facts in json.loads(case_index.read_text())["cases"] if facts["id"] == case_id)
    return model_of(case_index).tokenize(Case(case_index, facts).request())


def close(ours: torch.Tensor, theirs: np.ndarray) -> None:
    assert tuple(ours.shape) == theirs.shape
    np.testing.assert_allclose(ours.cpu().numpy(), theirs, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("case", CASES)
def test_prompt_and_instruction_are_rendered_alike(case: Case) -> None:
    facts = case.facts
    if facts["instruction_source"]:
        assert instruction_of(facts["question"], facts["instruction_source"]) == facts["instruction_text"]
    assert render_prompt(case.request().message) == facts["prompt"]


@pytest.mark.parametrize("case", CASES)
def test_ids_and_pixels_are_identical(case: Case) -> None:
    ours, arrays = prompt_of(case.index, case.facts["id"]), case.arrays
    assert list(ours.input_ids) == arrays["input_ids"][0].tolist()
    if "instruction_ids" in arrays:
        assert ours.instruction_ids is not None
        assert list(ours.instruction_ids) == arrays["instruction_ids"][0].tolist()
    if "pixel_values" in arrays:
        pixels = model_of(case.index).processor(case.images[0].open())
        np.testing.assert_array_equal(pixels[None], arrays["pixel_values"])
        digest = hashlib.sha256(pixels.astype("<f4").tobytes()).hexdigest()
        assert digest == case.facts["pixel_values_sha256"]


@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_features_are_the_references(case: Case) -> None:
    runner, arrays = model_of(case.index), case.arrays
    if "pixel_values" not in arrays:
        pytest.skip("a text-only case has no features")
    features = runner.model.encode_images(torch.from_numpy(arrays["pixel_values"]))
    close(features, arrays["vision_features"])
    if "text_features" in arrays:
        assert runner.model.alignment is not None
        text = runner.model.encode_text(torch.from_numpy(arrays["instruction_ids"]).long())
        close(text, arrays["text_features"])
        projected_text = runner.model.alignment.project_text(text)
        close(projected_text, arrays["text_projected"])
        features = runner.model.alignment(features, projected_text)
        close(features, arrays["aligned_features"])
    close(runner.model.projector(features), arrays["projected_features"])


@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_logits_and_answers_are_the_references(case: Case) -> None:
    runner, arrays = model_of(case.index), case.arrays
    logits, state = first_token_logits(runner, [case.request()])
    known = runner.model.llama.config.vocab_size  # what a patch token adds beyond is random in the reference
    assert logits.shape[1] == len(arrays["first_logits"])
    close(logits[0, :known], arrays["first_logits"][:known])
    for ids, values, token in zip(
        arrays["step_top5_ids"], arrays["step_top5_logits"], arrays["generated_ids"], strict=True
    ):
        stored = ids < known
        close(logits[0, torch.from_numpy(ids[stored]).long().to(DEVICE)], values[stored])
        logits = decode_step(runner.model.llama, state, torch.tensor([int(token)], device=DEVICE))
    (answer,) = runner.ask([case.request()])
    assert list(answer.token_ids) == arrays["generated_ids"].tolist() == case.facts["generated_ids"]
    if case.facts["text_comparable"]:
        assert answer.text == case.facts["text"]


@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_half_precision_follows_the_references_half_precision(case: Case) -> None:
    arrays, fp16 = case.arrays, case.facts.get("fp16")
    if not fp16 or "first_logits_fp16" not in arrays:
        pytest.skip("no half-precision numbers")
    runner = model_of(case.index, "float16")
    logits, _ = first_token_logits(runner, [case.request()])
    known = runner.model.llama.config.vocab_size
    np.testing.assert_allclose(logits[0, :known].float().cpu(), arrays["first_logits_fp16"][:known], rtol=0, atol=0.05)
    if case.facts["min_top1_margin"] > 0.04:  # nearer ties may fall either way in half precision
        assert list(runner.ask([case.request()])[0].token_ids) == fp16["generated_ids"]


@pytest.mark.parametrize("index", sorted({case.values[0].index for case in CASES if case.values[0]}), ids=str)
@torch.inference_mode()
def test_answers_do_not_depend_on_companions(index: Path) -> None:
    runner = model_of(index)
    cases = [case.values[0] for case in CASES if case.values[0].index == index]
    batch = [case.request() for case in cases]
    alone = [runner.ask([one])[0] for one in batch]
    assert runner.ask(batch) == alone
    assert runner.ask(batch[::-1])[::-1] == alone
    together, _ = first_token_logits(runner, batch)
    for one, logits in zip(batch, together, strict=True):
        single, _ = first_token_logits(runner, [one])
        torch.testing.assert_close(logits, single[0], rtol=0, atol=TOLERANCE / 5)


def test_instruction_tokenizer() -> None:
    path = ROOT / "instruction_tokenizer.json"
    if not path.is_file():
        pytest.skip(reason("parity/instruction_tokenizer.json"))
    for item in json.loads(path.read_text())["items"]:
        assert list(tokenize_instruction(item["text"])) == item["ids"], item["text"]
