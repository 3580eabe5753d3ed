"""From an mPLUG-Owl2 folder, as its authors publish it or as transformers saves it, to a model that answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import torch

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.devices import choose_device, choose_dtype, prepare_device
from emma_eval.models.checkpoints.folders import weight_files
from emma_eval.models.checkpoints.generation_config import require_in_vocabulary
from emma_eval.models.checkpoints.paths import is_regular_file
from emma_eval.models.checkpoints.state_dict import read_tensors
from emma_eval.models.checkpoints.unsupported import ADAPTER_CONFIG
from emma_eval.models.checkpoints.unused_tensors import refuse_quantised, refuse_unused
from emma_eval.models.clip.image_processor import Squaring, read_processor
from emma_eval.models.llama.weights import LM_HEAD, all_stored_names, load_llama
from emma_eval.models.mplug_owl2.config import MODEL_TYPE, MPlugOwl2Config, read_config
from emma_eval.models.mplug_owl2.model import MPlugOwl2Model
from emma_eval.models.mplug_owl2.tokenizer import MPlugOwl2Tokenizer
from emma_eval.models.mplug_owl2.weights import abstractor_names, load_abstractor, load_vision, vision_names
from emma_eval.models.multimodal.runner import ModelRunner

SQUARING_IN_WORDS = {
    "squash": "squashed to a square, as in the authors' evaluation",
    "pad": "padded to a square",
    "none": "not made square",
}


def load_mplug_owl2(
    folder: Path, device: str | None, dtype: str | None, squaring: Squaring, *, fast_preprocess: bool = False
) -> ModelRunner[MPlugOwl2Model]:
    """Load the model. Raises UserError for a missing file, a missing, misshapen or unknown tensor, another model."""
    config = read_config(folder)
    if is_regular_file(folder / ADAPTER_CONFIG):
        raise UserError(f"{folder}: LoRA adapters of mPLUG-Owl2 are not merged here; give a folder with merged weights")
    torch_device = choose_device(device)
    torch_dtype = choose_dtype(dtype, torch_device, config.torch_dtype)
    prepare_device(torch_device, torch_dtype)
    tokenizer = MPlugOwl2Tokenizer(folder)
    if len(tokenizer) > config.llama.vocab_size:
        raise UserError(
            f"{config.path}: vocab_size {config.llama.vocab_size:,}, but the tokenizer has {len(tokenizer):,} ids; "
            "tokenizer.model or its added tokens are another model's"
        )
    require_in_vocabulary(config.eos_ids, config.llama.vocab_size, config.path)
    processor = read_processor(folder, config.vision.image_size, squaring)
    files = weight_files(folder)
    shards = read_tensors(files)
    source = files[0] if len(files) == 1 else folder
    refuse_quantised(shards, source)
    like = torch.empty(0, dtype=torch_dtype, device=torch_device)
    llama = load_llama(config.llama, shards, source, config.llama.vocab_size, like)
    vision, abstractor = load_vision(config, shards, source), load_abstractor(config, shards, source)
    model = MPlugOwl2Model(config, vision, abstractor, llama)
    used = _stored_names(model)
    refuse_unused((name for name in shards if name not in used), source)
    return ModelRunner(
        model=model.to(torch_device, torch_dtype).eval().requires_grad_(False),
        tokenizer=tokenizer,
        processor=replace(processor, fast=fast_preprocess),
        eos_ids=config.eos_ids,
        max_length=None,
        family=MODEL_TYPE,
        max_tokens=config.llama.max_tokens,
        summary="; ".join(describe(config, squaring, shards, torch_dtype, torch_device)),
    )


def _stored_names(model: MPlugOwl2Model) -> set[str]:
    """Every tensor of the shards that the model reads, or may do without."""
    names = all_stored_names(model.llama) | {LM_HEAD}
    names |= {stored for name in model.vision.state_dict() for stored in vision_names(name)}
    return names | {stored for name in model.abstractor.state_dict() for stored in abstractor_names(name)}


def describe(
    config: MPlugOwl2Config, squaring: Squaring, names: Iterable[str], dtype: torch.dtype, device: torch.device
) -> Iterator[str]:
    """What was built, and a setting that is not used; `names` are those of the stored tensors."""
    llama, vision, abstractor = config.llama, config.vision, config.abstractor
    stored = sum(name.endswith(("attention.q_pos_embed", "attention.k_pos_embed")) for name in names)
    all_of_them = 2 * abstractor.num_hidden_layers  # a table of queries and one of keys a layer
    positions = {0: "computed", all_of_them: "of the folder"}.get(stored, "partly of the folder")
    yield (
        f"mPLUG-Owl2: LLaMA of {llama.num_hidden_layers} layers x {llama.hidden_size} that adapts to modalities, "
        f"vision model of {vision.num_hidden_layers} layers x {vision.hidden_size}, abstractor of "
        f"{abstractor.num_hidden_layers} layers (positions {positions}), "
        f"{abstractor.num_learnable_queries + 1} tokens an image, images {SQUARING_IN_WORDS[squaring]}, "
        f"{str(dtype).removeprefix('torch.')} on {device}"
    )
    if config.image_aspect_ratio is not None:
        yield f"image_aspect_ratio {config.image_aspect_ratio!r:.60} of config.json is not used (--model-option is)"
