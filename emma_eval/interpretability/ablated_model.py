"""A checkpoint loaded once for all variants, each with weights of its own only where it changes them."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from functools import cached_property

import torch

from emma_eval.errors import UserError
from emma_eval.interpretability.variants import Variant, WeightChange
from emma_eval.models import find_model
from emma_eval.models.base import ModelSpec
from emma_eval.models.checkpoints.parts import find_parts
from emma_eval.models.emma.alignment import Alignment
from emma_eval.models.emma.config import read_config
from emma_eval.models.emma.converted_config import is_conversion
from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.mplug_owl2.config import MODEL_TYPE, SUCCESSOR
from emma_eval.models.multimodal.runner import VISION_CACHE_SIZE, ModelRunner
from emma_eval.utils.json_io import read_json_object
from emma_eval.utils.lru_cache import LRUCache

CACHE_BYTES = 2**29  # of image features that variants share, on the model's device


class AblatedModel:
    """A checkpoint of EMMA or LLaVA whose weights are read when the first variant has something to answer."""

    def __init__(self, spec: ModelSpec) -> None:
        """Raises UserError for any other model."""
        self.handle = find_model(spec)
        folder = self.handle.folder
        if folder is None:
            raise UserError(f"{spec.source}: only checkpoints of EMMA and LLaVA that are loaded here can be ablated")
        content = read_json_object(folder / "config.json")
        if content.get("model_type") in (MODEL_TYPE, SUCCESSOR):
            raise UserError(f"{spec.source}: mPLUG-Owl2 can't be ablated: variants are of EMMA and LLaVA")
        self.has_alignment = False
        if not is_conversion(content):
            parts = find_parts(folder, spec.options.get("base"), spec.options.get("alignment"))
            self.has_alignment = read_config(parts.folder, parts.base).alignment is not None

    @cached_property
    def runner(self) -> ModelRunner[EmmaModel]:
        """The model as it is. Raises UserError if it cannot be loaded."""
        runner: ModelRunner[EmmaModel] = self.handle.load()
        width, dtype = runner.model.towers.vision_width, runner.model.llama.dtype
        size = CACHE_BYTES // (runner.model.num_image_tokens * width * dtype.itemsize)
        runner.vision_cache = LRUCache(max(VISION_CACHE_SIZE, size))
        return runner

    def variant(self, variant: Variant | None) -> ModelRunner[EmmaModel]:
        """A runner of the variant, None for the model as it is. Features of images are shared by all of them."""
        changed = replace(self.runner)
        if variant is not None and variant.weights is not None:
            changed = with_weights(self.runner, variant.weights)
        changed.vision_cache = self.runner.vision_cache  # the vision tower is the same in every variant
        return changed


def with_weights(runner: ModelRunner[EmmaModel], change: WeightChange) -> ModelRunner[EmmaModel]:
    """A runner of the same modules but for the alignment; the checkpoint's own tensors are not touched.

    `alignment_off`: none, so that the projector reads V. `text_off`: W = [Wv | 0]. `image_identity`: W = [I | Wt].
    The bias of W and v3's learnable tokens stay as trained in both of the latter.
    """
    model = runner.model
    alignment = None if change == "alignment_off" else _with_block(model, change)
    changed = EmmaModel(model.config, model.towers, alignment, model.projector, model.llama).eval()
    tokenize = runner.tokenize_instruction if alignment is not None else None
    return replace(runner, model=changed, tokenize_instruction=tokenize, summary=f"{runner.summary}; {change}")


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
