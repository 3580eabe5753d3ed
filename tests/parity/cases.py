"""The references' cases: of every index*.json below the parity folders, sorted by what their checkpoint is.

The folders are `parity`, `parity_checkpoints` and `parity_mplug_owl2` of ../shared; EMMA_PARITY_DIR is one in place of
all. EMMA_PARITY_DEVICE is the device to compute on.
"""

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
from torch import Tensor

from emma_eval.images.sources import ImageFile
from emma_eval.models import load_model
from emma_eval.models.llama.generation import decode_step
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import Request
from tests.fakes import first_token_logits
from tests.shared import reason, shared

ALL_FOLDERS = ("parity", "parity_checkpoints", "parity_mplug_owl2")
FOLDERS = ("parity",) if "EMMA_PARITY_DIR" in os.environ else ALL_FOLDERS
DEVICE = os.environ.get("EMMA_PARITY_DEVICE", "cpu")
TOLERANCE = 5e-5 if DEVICE == "cpu" else 1e-4
COMPANIONS_MATTER_BY = 3e-5  # at most: products of other sizes round otherwise
KINDS = {
    "llava": "emma",
    "llava_llama": "emma",
    "llava_mistral": "mistral",
    "mplug_owl2": "mplug_owl2",
}  # by model_type


@dataclass(frozen=True)
class Case:
    """One case of an index, with the reference's arrays."""

    index: Path
    facts: dict[str, Any]

    @property
    def set(self) -> dict[str, Any]:
        """What the index says of all its cases."""
        return read_index(self.index)

    @property
    def folder(self) -> Path:
        return self.index.parent / self.facts.get("checkpoint", self.set.get("checkpoint"))

    @property
    def base(self) -> Path | None:
        """The base of a LoRA folder."""
        name = self.facts.get("base", self.set.get("base"))
        return self.index.parent / name if name else None

    @property
    def kind(self) -> str:
        """`lora`, or by the checkpoint's model_type one of KINDS; the model_type itself where it is none of them."""
        if self.base:
            return "lora"
        model_type = str(json.loads((self.folder / "config.json").read_text()).get("model_type"))
        return KINDS.get(model_type, model_type)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        with np.load(self.index.parent / self.facts["arrays"]) as arrays:
            return dict(arrays)

    @property
    def images(self) -> tuple[ImageFile, ...]:
        names = self.facts["images"] if "images" in self.facts else [self.facts["image"]]
        return tuple(ImageFile(self.index.parent, name) for name in names if name)

    @property
    def max_new_tokens(self) -> int:
        return int(self.facts.get("max_new_tokens", self.set["max_new_tokens"]))

    @property
    def id(self) -> str:
        root = next(shared(folder) for folder in FOLDERS if self.index.is_relative_to(shared(folder)))
        return f"{self.index.relative_to(root).with_suffix('')}-{self.facts['id']}"


@cache
def read_index(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


@cache
def all_cases() -> list[Case]:
    return [
        Case(index, facts)
        for folder in FOLDERS
        for index in sorted(shared(folder).rglob("index*.json"))
        for facts in read_index(index).get("cases", ())
    ]


def cases_of(kind: str) -> list[Case]:
    return [case for case in all_cases() if case.kind == kind]


def parameters(kind: str) -> list[Any]:
    """Every case of a kind, for `parametrize`; a skip where there is none."""
    return [pytest.param(case, id=case.id) for case in cases_of(kind)] or [none_found(1)]


def none_found(count: int) -> Any:
    """What stands for `count` parameters where there is no case."""
    return pytest.param(*[None] * count, marks=pytest.mark.skip(reason(", ".join(FOLDERS))))


def batches(kind: str) -> list[Any]:
    """The cases of a kind by their checkpoint, for `parametrize`."""
    by_folder: dict[Path, list[Case]] = {}
    for case in cases_of(kind):
        by_folder.setdefault(case.folder, []).append(case)
    found = [pytest.param(cases, id=cases[0].id.rpartition("-")[0]) for cases in by_folder.values()]
    return found or [none_found(1)]


@cache
def model_of(folder: Path, dtype: str = "float32", **options: str) -> ModelRunner[Any]:
    return load_model(str(folder), device=DEVICE, dtype=dtype, options=options)


def close(ours: Tensor, theirs: np.ndarray, tolerance: float = TOLERANCE) -> None:
    assert tuple(ours.shape) == theirs.shape
    np.testing.assert_allclose(ours.float().cpu().numpy(), theirs, rtol=0, atol=tolerance)


def check_pixels(runner: ModelRunner[Any], case: Case) -> None:
    """Exact, image by image."""
    pixels = np.stack([runner.processor(image.open()) for image in case.images])
    np.testing.assert_array_equal(pixels, case.arrays["pixel_values"])
    assert hashlib.sha256(pixels.astype("<f4").tobytes()).hexdigest() == case.facts["pixel_values_sha256"]


def check_answer(runner: ModelRunner[Any], request: Request, arrays: dict[str, np.ndarray]) -> None:
    """The first logits, the five best of every step, end ids barred where they are, and the ids of the answer.

    What a patch token adds to the vocabulary is random in the reference.
    """
    logits, state = first_token_logits(runner, [request])
    known = runner.model.llama.config.vocab_size
    assert logits.shape[1] == len(arrays["first_logits"])
    close(logits[0, :known], arrays["first_logits"][:known])
    steps = zip(arrays["step_top5_ids"], arrays["step_top5_logits"], arrays["generated_ids"], strict=True)
    for step, (ids, values, token) in enumerate(steps):
        if step < request.min_new_tokens:
            logits[:, list(runner.eos_ids)] = -torch.inf
        stored = ids < known
        close(logits[0, torch.from_numpy(ids[stored]).long().to(DEVICE)], values[stored])
        logits = decode_step(runner.model.llama, state, torch.tensor([int(token)], device=DEVICE))
    assert list(runner.ask([request])[0].token_ids) == arrays["generated_ids"].tolist()


def check_companions_do_not_matter(runner: ModelRunner[Any], batch: list[Request]) -> None:
    """In any order, in one batch."""
    alone = [runner.ask([one])[0] for one in batch]
    assert runner.ask(batch) == alone
    assert runner.ask(batch[::-1])[::-1] == alone
    together, _ = first_token_logits(runner, batch)
    for one, logits in zip(batch, together, strict=True):
        single, _ = first_token_logits(runner, [one])
        torch.testing.assert_close(logits, single[0], rtol=0, atol=COMPANIONS_MATTER_BY)
