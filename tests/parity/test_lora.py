"""LoRA folders of LLaVA and EMMA against the reference."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from emma_eval.prompts.building import build_message
from emma_eval.types import Request
from tests.fakes import first_token_logits
from tests.parity.cases import Case, cases_of, close, model_of, none_found

TRAINED = "_trained"  # of arrays by the alignment that was trained with the adapter; plain ones are by the base's


def with_alignments() -> list[Any]:
    """(case, alignment option): EMMA's with either alignment."""
    found = [
        pytest.param(case, alignment, id=f"{case.id}-{alignment}")
        for case in cases_of("lora")
        for alignment in (("base", "own") if case.set.get("model") == "emma" else ("",))
    ]
    return found or [none_found(2)]


@pytest.mark.parametrize(("case", "alignment"), with_alignments())
@torch.inference_mode()
def test_a_lora_folder_answers_as_in_the_reference(case: Case, alignment: str) -> None:
    chosen = {"alignment": alignment} if alignment else {}
    runner = model_of(case.folder, base=str(case.base), **chosen)
    arrays, facts = case.arrays, case.facts
    if alignment == "own":
        arrays |= {key.removesuffix(TRAINED): value for key, value in arrays.items() if key.endswith(TRAINED)}
    message = build_message(facts["question"], facts["suffix"], images=len(case.images))
    instruction = facts.get("instruction_text") or ""
    request = Request(facts["id"], 0, message, instruction, case.images, case.max_new_tokens)
    if case.images:
        features = runner.model.encode_images(torch.from_numpy(arrays["pixel_values"]))
        if runner.model.alignment:
            text = runner.model.encode_text(torch.from_numpy(arrays["instruction_ids"]).long())
            features = runner.model.alignment(features, runner.model.alignment.project_text(text))
        close(runner.model.projector(features), arrays["projected_features"])
    logits, _ = first_token_logits(runner, [request])
    close(logits[0], arrays["first_logits"])
    assert list(runner.ask([request])[0].token_ids) == arrays["generated_ids"].tolist()
