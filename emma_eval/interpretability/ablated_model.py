"""A checkpoint loaded once for all variants, each with weights of its own only where it changes them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from functools import cached_property

import torch

from emma_eval.errors import UserError
from emma_eval.interpretability.variants import Variant, WeightChange
from emma_eval.models import ModelHandle, find_model
from emma_eval.models.base import ModelSpec
from emma_eval.models.checkpoints.parts import find_parts
from emma_eval.models.emma.alignment import Alignment
from emma_eval.models.emma.config import read_config
from emma_eval.models.emma.converted_config import is_conversion
from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.mplug_owl2.config import MODEL_TYPE, SUCCESSOR
from emma_eval.models.multimodal.runner import VISION_CACHE_SIZE, ModelRunner
from emma_eval.results.manifest import VARIANT_OPTION
from emma_eval.runs.settings import model_name
from emma_eval.utils.json_io import read_json_object
from emma_eval.utils.lru_cache import LRUCache

CACHE_BYTES = 2**29  # of image features that variants share, on the model's device


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
        self.has_alignment = False
        if not self.is_mplug_owl2 and not is_conversion(content):
            parts = find_parts(folder, spec.options.get("base"), spec.options.get("alignment"))
            self.has_alignment = read_config(parts.folder, parts.base).alignment is not None

    @cached_property
    def runner(self) -> ModelRunner[EmmaModel]:
        """The model as it is. Raises UserError if it cannot be loaded."""
        runner: ModelRunner[EmmaModel] = self.handle.load()
        if self.is_mplug_owl2:
            return runner
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


class VariantHandle(ModelHandle):
    """The handle of a variant: named MODEL, VARIANT, and recognised by the checkpoint and the definition."""

    is_remote = False
    gives_embeddings = False
    deciding_options: Mapping[str, str] = {}

    def __init__(self, model: AblatedModel, name: str, variant: Variant) -> None:
        base = model.handle.spec
        # no path, so that nothing finds the checkpoint itself under the name
        super().__init__(replace(base, source=f"{model_name(base.source)}, {name}"))
        self._model, self._variant = model, variant
        self.deciding_options = {**(model.handle.deciding_options or base.options), VARIANT_OPTION: variant.definition}

    def check(self) -> None:
        """The model's own handle has checked it."""

    def check_place(self, *, device_too: bool) -> None:
        """As of the model."""
        self._model.handle.check_place(device_too=device_too)

    def fingerprint(self) -> str:
        """Hex SHA-256 over the checkpoint's fingerprint and the variant's definition."""
        text = f"{self._model.handle.fingerprint()} {self._variant.definition}"
        return hashlib.sha256(text.encode()).hexdigest()

    def config_digest(self) -> str:
        """That of the checkpoint."""
        return self._model.handle.config_digest()

    def load(self) -> ModelRunner[EmmaModel]:
        """The variant's runner. Raises UserError if the checkpoint cannot be loaded."""
        return self._model.variant(self._variant)


class FullHandle(ModelHandle):
    """The handle of the model as it is: that of its own name, but loaded once with its variants."""

    def __init__(self, model: AblatedModel) -> None:
        super().__init__(model.handle.spec)
        self._model = model

    def load(self) -> ModelRunner[EmmaModel]:
        """The model's runner. Raises UserError if the checkpoint cannot be loaded."""
        return self._model.variant(None)


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
