"""A checkpoint loaded once for all variants, each with weights of its own only where it changes them."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy, deepcopy
from functools import cached_property
from typing import Literal

import torch

from emma_eval.errors import UserError
from emma_eval.inference.batched import BatchedEngine
from emma_eval.interpretability.feature_store import FeatureStore
from emma_eval.interpretability.shared_answers import SharedAnswers, SharingEngine
from emma_eval.interpretability.variants import Variant, WeightChange
from emma_eval.models import find_model
from emma_eval.models.base import ModelSpec
from emma_eval.models.checkpoints.parts import find_parts
from emma_eval.models.emma.alignment import Alignment
from emma_eval.models.emma.config import read_config
from emma_eval.models.emma.converted_config import is_conversion
from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.mplug_owl2.config import MODEL_TYPE, SUCCESSOR
from emma_eval.models.multimodal.runner import InstructionIds, ModelRunner
from emma_eval.utils.json_io import read_json_object

TokenizeInstruction = Callable[[str], InstructionIds]

FEATURE_BYTES = 2**31  # of image features that variants share, in host memory


class AblatedModel:
    """A checkpoint of EMMA or LLaVA whose weights are read when the first variant has something to answer."""

    def __init__(self, spec: ModelSpec, *, with_mplug_owl2: bool = False) -> None:
        """Raises UserError for any other model; mPLUG-Owl2, which has no variants, can be let in."""
        self.handle = find_model(spec)
        folder = self.handle.folder
        if folder is None:
            raise UserError(
                f"{spec.source}: only checkpoints of EMMA and LLaVA that are loaded here can be ablated or analyzed"
            )
        content = read_json_object(folder / "config.json")
        self.is_mplug_owl2 = content.get("model_type") in (MODEL_TYPE, SUCCESSOR)
        if self.is_mplug_owl2 and not with_mplug_owl2:
            raise UserError(f"{spec.source}: mPLUG-Owl2 can't be ablated: variants are of EMMA and LLaVA")
        self._answers: SharedAnswers = {}
        self.has_alignment = False
        if not self.is_mplug_owl2 and not is_conversion(content):
            parts = find_parts(folder, spec.options.get("base"), spec.options.get("alignment"))
            self.has_alignment = read_config(parts.folder, parts.base).alignment is not None

    @cached_property
    def runner(self) -> ModelRunner[EmmaModel]:
        """The model as it is. Raises UserError if it cannot be loaded."""
        runner: ModelRunner[EmmaModel] = self.handle.load()
        runner.vision_cache = FeatureStore(FEATURE_BYTES)
        return runner

    def variant(self, variant: Variant | None) -> ModelRunner[EmmaModel]:
        """A runner of the variant, None for the model as it is; one at a time may answer.

        All share what no variant changes: the towers' features, the language model and its memory.
        """
        return self.runner if variant is None or variant.weights is None else with_weights(self.runner, variant.weights)

    def engine(self, variant: Variant | None, batch_size: int | Literal["auto"] = "auto") -> SharingEngine:
        """An engine of the variant, None for the model as it is. What it is asked again it knows."""
        weights = (variant.weights if variant is not None else None) or "as trained"
        return SharingEngine(BatchedEngine(self.variant(variant), batch_size), weights, self._answers)


def with_weights(runner: ModelRunner[EmmaModel], change: WeightChange) -> ModelRunner[EmmaModel]:
    """A runner of the same modules but for the alignment; the checkpoint's own tensors are not touched.

    `alignment_off`: none, so that the projector reads V. `text_off`: W = [Wv | 0]. `image_identity`: W = [I | Wt].
    The bias of W and v3's learnable tokens stay as trained in both of the latter.
    """
    model = runner.model
    alignment = None if change == "alignment_off" else _with_block(model, change)
    changed = copy(runner)  # caches included
    changed.model = EmmaModel(model.config, model.towers, alignment, model.projector, model.llama).eval()
    changed.summary = f"{runner.summary}; {change}"
    changed.tokenize_instruction = _instructions(runner.tokenize_instruction, change)
    return changed


def _instructions(tokenize: TokenizeInstruction | None, change: WeightChange) -> TokenizeInstruction | None:
    """What tells instructions apart: nothing where no image depends on one, so that questions share its tokens."""
    if tokenize is None or change == "alignment_off":
        return None
    if change == "text_off":
        ids = tokenize("")
        return lambda _: ids
    return tokenize


def _with_block(model: EmmaModel, change: WeightChange) -> Alignment:
    assert model.alignment is not None, "a model without alignment has no variant of it"
    alignment = deepcopy(model.alignment)
    weight = alignment.image_text_infusion.weight  # (N, N + T)
    tokens = len(weight)
    with torch.no_grad():
        if change == "text_off":
            weight[:, tokens:] = 0
        else:
            weight[:, :tokens] = torch.eye(tokens, dtype=weight.dtype, device=weight.device)
    return alignment
