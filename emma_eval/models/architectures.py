"""The loaders that ship: of architectures, registered by the model_type of their config.json, and of `hf:PATH`.

Imports no torch until a model is loaded.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from emma_eval.errors import UserError
from emma_eval.models.base import ModelSpec
from emma_eval.models.checkpoints.parts import find_parts
from emma_eval.models.checkpoints.templates import TEMPLATES, choose_template
from emma_eval.models.emma.options import LoadOptions
from emma_eval.models.fingerprint import folder_fingerprint, weights_fingerprint
from emma_eval.models.mplug_owl2.config import MODEL_TYPE, read_config
from emma_eval.models.transformers.folder import read_chat_template, transformers_fingerprint, transformers_folder
from emma_eval.utils.cpu import set_malloc_thresholds, set_openmp_wait_policy, usable_cpus
from emma_eval.utils.json_io import read_json_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emma_eval.models.clip.image_processor import Squaring
    from emma_eval.models.emma.model import EmmaModel
    from emma_eval.models.mplug_owl2.model import MPlugOwl2Model
    from emma_eval.models.multimodal.runner import ModelRunner
    from emma_eval.models.transformers.model import TransformersModel


@dataclass(frozen=True, slots=True)
class EmmaLoader:
    """Loads EMMA v1, v3 and plain LLaVA-1.5; `spec.source` is the checkpoint folder."""

    gives_embeddings: ClassVar[bool] = True
    options: ClassVar[Mapping[str, str]] = {
        "fast_preprocess": "true: resize images by PyTorch instead of Pillow, up to one grey level off the reference",
        "template": f"the conversation template that the model was trained with: {', '.join(TEMPLATES)}",
        "base": "of a LoRA or projector folder: the base's folder or hub name; without it the folder that it names",
        "alignment": "of such a folder of EMMA: own, that trained with it; base, the base's, as the reference has it",
    }

    def fingerprint(self, spec: ModelSpec) -> str:
        """SHA-256 over all files that are read, a base's included, and options that change what is computed."""
        weights = weights_fingerprint(spec.source, spec.options.get("base"), spec.options.get("alignment"))
        kind = _model_type(spec)
        template = choose_template(spec.options.get("template"), kind).name
        is_default = template == choose_template(None, kind).name
        return weights if is_default else hashlib.sha256(f"{weights} {template}".encode()).hexdigest()

    def __call__(self, spec: ModelSpec, *, applies_window: bool = False) -> ModelRunner[EmmaModel]:
        """The model, ready to answer. Raises UserError for everything that can be wrong with a checkpoint."""
        fast_preprocess = spec.flag("fast_preprocess")
        template = choose_template(spec.options.get("template"), _model_type(spec))
        parts = find_parts(Path(spec.source), spec.options.get("base"), spec.options.get("alignment"))
        _prepare_torch(spec.seed)
        from emma_eval.models.emma.loading import load_emma

        options = LoadOptions(spec.device, spec.dtype, fast_preprocess, applies_window=applies_window)
        return load_emma(parts, template, options)


@dataclass(frozen=True, slots=True)
class MistralLoader:
    """Loads LLaVA with a Mistral language model.

    By LLaVA's own call the sliding window is without effect (transformers 4.37's sdpa attention makes its mask without
    it), in training and evaluation; `sliding_window=paper` applies it.
    """

    gives_embeddings: ClassVar[bool] = True
    options: ClassVar[Mapping[str, str]] = {
        **EmmaLoader.options,
        "sliding_window": "paper: a token sees as many tokens as config.json's sliding_window says, itself included; "
        "reference (the default): all before it, as LLaVA's own code computes",
    }

    def fingerprint(self, spec: ModelSpec) -> str:
        """As of EmmaLoader, and of the window's reading."""
        common = EMMA.fingerprint(spec)
        return hashlib.sha256(f"{common} window".encode()).hexdigest() if _applies_window(spec) else common

    def __call__(self, spec: ModelSpec) -> ModelRunner[EmmaModel]:
        """The model, ready to answer. Raises UserError for everything that can be wrong with a checkpoint."""
        return EMMA(spec, applies_window=_applies_window(spec))


@dataclass(frozen=True, slots=True)
class ConvertedLoader:
    """Loads LLaVA as transformers converts it; `spec.source` is the folder."""

    gives_embeddings: ClassVar[bool] = True
    options: ClassVar[Mapping[str, str]] = {
        "fast_preprocess": EmmaLoader.options["fast_preprocess"],
        "template": f"{EmmaLoader.options['template']}; without it the folder's chat template tells",
    }

    def fingerprint(self, spec: ModelSpec) -> str:
        """SHA-256 over weights and settings, and over the user's template."""
        weights, template = weights_fingerprint(spec.source), spec.options.get("template")
        return weights if template is None else hashlib.sha256(f"{weights} {template}".encode()).hexdigest()

    def __call__(self, spec: ModelSpec) -> ModelRunner[EmmaModel]:
        """The model, ready to answer. Raises UserError for everything that can be wrong with a checkpoint."""
        options = LoadOptions(spec.device, spec.dtype, spec.flag("fast_preprocess"))
        name = spec.options.get("template")
        template = None if name is None else choose_template(name, None)
        _prepare_torch(spec.seed)
        from emma_eval.models.emma.converted import load_converted

        return load_converted(Path(spec.source), template, options)


def _model_type(spec: ModelSpec) -> object:
    return read_json_object(Path(spec.source) / "config.json").get("model_type")


def _applies_window(spec: ModelSpec) -> bool:
    """Whether the sliding window is applied. Raises UserError for an unknown reading."""
    reading = spec.options.get("sliding_window", "reference")
    if reading not in ("reference", "paper"):
        raise UserError(f"--model-option sliding_window={reading}: reference or paper is expected")
    return reading == "paper"


@dataclass(frozen=True, slots=True)
class MPlugOwl2Loader:
    """Loads mPLUG-Owl2; `spec.source` is the checkpoint folder."""

    options: ClassVar[Mapping[str, str]] = {
        "fast_preprocess": EmmaLoader.options["fast_preprocess"],
        "template": "mplug_owl2_evaluation (the default), with the blank at the end that the authors' evaluation has; "
        "mplug_owl2, their chat form without it; or another conversation template",
        "image_aspect_ratio": "resize (the default): images are squashed to a square first, as in the authors' "
        "evaluation; pad: padded to one; none: cropped to one",
    }

    def fingerprint(self, spec: ModelSpec) -> str:
        """SHA-256 over all files that are read, and options that change what is computed."""
        read_config(Path(spec.source))  # refuses unsupported models before gigabytes are read
        template, squaring = choose_template(spec.options.get("template"), MODEL_TYPE).name, _squaring(spec)
        return folder_fingerprint(Path(spec.source), "preprocessor_config.json", notes=(template, squaring))

    def __call__(self, spec: ModelSpec) -> ModelRunner[MPlugOwl2Model]:
        """The model, ready to answer. Raises UserError for everything that can be wrong with a checkpoint."""
        fast_preprocess, squaring = spec.flag("fast_preprocess"), _squaring(spec)
        template = choose_template(spec.options.get("template"), _model_type(spec))
        _prepare_torch(spec.seed)
        from emma_eval.models.mplug_owl2.loading import load_mplug_owl2

        folder = Path(spec.source)
        runner = load_mplug_owl2(folder, spec.device, spec.dtype, squaring, fast_preprocess=fast_preprocess)
        runner.template = template.name
        runner.summary = f"{runner.summary}; {template}"
        return runner


SQUARINGS: Mapping[str, Squaring] = {"resize": "squash", "pad": "pad", "none": "none"}  # by image_aspect_ratio


def _squaring(spec: ModelSpec) -> Squaring:
    """How images become squares. Raises UserError for an unknown way."""
    ratio = spec.options.get("image_aspect_ratio", "resize")
    if ratio not in SQUARINGS:
        raise UserError(f"--model-option image_aspect_ratio={ratio}: {', '.join(SQUARINGS)} is expected")
    return SQUARINGS[ratio]


@dataclass(frozen=True, slots=True)
class TransformersLoader:
    """Loads any image-text-to-text model of transformers; `spec.source` is a folder or a hub name."""

    has_torch_device: ClassVar[bool] = True
    options: ClassVar[Mapping[str, str]] = {
        "chat_template": "a file with the Jinja chat template to use instead of the model's own",
        "device_map": "auto: spread the model over all GPUs of this machine (accelerate, which the extra hf installs)",
    }

    def fingerprint(self, spec: ModelSpec) -> str:
        """SHA-256 over weights and settings, and the chat template that replaces the model's own."""
        return transformers_fingerprint(spec.source, spec.options.get("chat_template"))

    def deciding_options(self, spec: ModelSpec) -> Mapping[str, str]:
        """All but where the model is computed."""
        return {name: value for name, value in spec.options.items() if name != "device_map"}

    def __call__(self, spec: ModelSpec) -> TransformersModel:
        """The model, ready to answer. Raises UserError for what cannot be loaded."""
        folder = transformers_folder(spec.source)
        template = read_chat_template(spec.options.get("chat_template"))
        _prepare_torch(spec.seed)
        from emma_eval.models.transformers.loading import load_transformers

        return load_transformers(folder, spec.device, spec.dtype, template, spec.options.get("device_map"))


def _prepare_torch(seed: int) -> None:
    """Import torch with threads and memory as they suit this machine."""
    set_openmp_wait_policy()
    set_malloc_thresholds()
    import torch

    if "OMP_NUM_THREADS" not in os.environ:  # torch counts the machine's processors, not those granted to us
        torch.set_num_threads(min(torch.get_num_threads(), usable_cpus()))
    torch.manual_seed(seed)


EMMA = EmmaLoader()
CONVERTED = ConvertedLoader()
MISTRAL = MistralLoader()
MPLUG_OWL2 = MPlugOwl2Loader()
TRANSFORMERS = TransformersLoader()
