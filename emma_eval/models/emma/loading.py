"""From a checkpoint folder in the reference's layout to a model that answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from emma_eval.errors import MissingToolError, UserError
from emma_eval.models.checkpoints.devices import choose_device, choose_dtype, prepare_device
from emma_eval.models.checkpoints.folders import OPEN_CLIP_PREFIX, vision_tower_folder, weight_files
from emma_eval.models.checkpoints.generation_config import require_in_vocabulary
from emma_eval.models.checkpoints.names import PROJECTOR_PREFIX
from emma_eval.models.checkpoints.parts import CheckpointParts
from emma_eval.models.checkpoints.state_dict import load_parameters, read_tensors, strip_prefix
from emma_eval.models.checkpoints.templates import TemplateChoice
from emma_eval.models.checkpoints.unused_tensors import (
    ALIGNMENT,
    TOWER_PREFIX,
    is_tower_copy,
    refuse_quantised,
    refuse_unused,
)
from emma_eval.models.clip.image_processor import ImageProcessor, read_processor
from emma_eval.models.clip.model import Towers
from emma_eval.models.clip.text_tokenizer import tokenize_instruction
from emma_eval.models.clip.weights import load_towers
from emma_eval.models.emma.adapted import AdaptedTensors, adapt
from emma_eval.models.emma.alignment import Alignment, build_projector
from emma_eval.models.emma.config import EmmaConfig, read_config
from emma_eval.models.emma.description import (
    clip_tensors,
    describe_model,
    describe_window,
    read_tower_file,
    unused_differences,
)
from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.emma.options import LoadOptions
from emma_eval.models.llama.tokenizer import IMAGE_PATCH, LlamaTokenizer
from emma_eval.models.llama.weights import EMBEDDING, LM_HEAD, all_stored_names, load_llama
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.utils.text import error_message

MAX_NEW_TOKENS_IN_VOCABULARY = 4  # trainers add <im_patch> and a pad token, never many


def load_emma(parts: CheckpointParts, template: TemplateChoice, options: LoadOptions) -> ModelRunner[EmmaModel]:
    """Load EMMA v1, v3 or plain LLaVA-1.5 from its folder, or from a LoRA or projector folder and its base.

    Raises UserError for a missing file, a missing or misshapen tensor, an unsupported setting, an unknown tower.
    """
    config = read_config(parts.folder, parts.base)
    torch_device = choose_device(options.device)
    torch_dtype = choose_dtype(options.dtype, torch_device, config.llava.torch_dtype)
    prepare_device(torch_device, torch_dtype)
    tokenizer = LlamaTokenizer(parts.base)
    if config.llava.mm_use_im_patch_token:
        tokenizer.add_special(IMAGE_PATCH)
    files = weight_files(parts.base)
    stored = read_tensors(files)
    source = files[0] if len(files) == 1 else parts.base
    refuse_quantised(stored, source)
    adapted = adapt(stored, source, parts, config, torch_dtype)
    shards = adapted.tensors
    towers, processor, towers_origin = _load_towers(config, parts, shards)
    alignment = _load_alignment(config, parts, adapted, towers)
    _require_embeddings(tokenizer, shards, source)
    require_in_vocabulary(config.eos_ids, len(tokenizer), config.path)
    like = torch.empty(0, dtype=torch_dtype, device=torch_device)
    llama = load_llama(config.llama, shards, source, len(tokenizer), like)
    window = getattr(config.llama, "sliding_window", None)
    llama.sliding_window = window if options.applies_window else None
    projector = build_projector(config.llava.mm_projector_type, towers.vision_width, config.llama.hidden_size)
    load_parameters(projector, shards, adapted.projector_source, PROJECTOR_PREFIX)
    used = all_stored_names(llama) | {PROJECTOR_PREFIX + name for name in projector.state_dict()} | {LM_HEAD}
    refuse_unused((name for name in shards if name not in used and not is_tower_copy(name)), source)
    notes = [adapted.note, *unused_differences(config, parts.alignment_folder, shards, towers, alignment)]
    notes += [str(template), describe_window(window, applied=options.applies_window)]
    summary = "; ".join(filter(None, [describe_model(config, towers_origin, torch_dtype, torch_device), *notes]))
    model = EmmaModel(config, towers, alignment, projector, llama)
    return ModelRunner(
        model=model.to(torch_device, torch_dtype).eval().requires_grad_(False),
        tokenizer=tokenizer,
        processor=replace(processor, fast=options.fast_preprocess),
        eos_ids=config.eos_ids,
        max_length=config.llava.tokenizer_model_max_length,
        family="emma" if alignment else "llava",
        tokenize_instruction=tokenize_instruction if alignment else None,
        template=template.name,
        summary=summary,
    )


def _load_towers(
    config: EmmaConfig, parts: CheckpointParts, shards: Mapping[str, Tensor]
) -> tuple[Towers, ImageProcessor, str]:
    """The towers, what prepares their images, and where they are from, for the description."""
    llava = config.llava
    text_layer = config.alignment.mm_text_select_layer if config.alignment else None
    if llava.mm_vision_tower.startswith(OPEN_CLIP_PREFIX):
        if llava.unfreeze_mm_vision_tower:
            raise UserError(f"{config.path}: unfreeze_mm_vision_tower with a tower of open_clip is not supported")
        try:
            from emma_eval.models.clip.open_clip_backend import load_open_clip_towers
        except ImportError as error:  # torchvision, say, of an environment made for vLLM
            raise MissingToolError(
                f"{config.path}: mm_vision_tower {llava.mm_vision_tower!r} needs open_clip_torch and torchvision: "
                f"{error_message(error)}"
            ) from error
        towers, processor = load_open_clip_towers(
            llava.mm_vision_tower,
            parts.folder,
            llava.mm_vision_select_layer,
            text_layer,
            llava.squaring,
        )
        return towers, processor, llava.mm_vision_tower
    tower = vision_tower_folder(llava.mm_vision_tower, parts.folder, parts.base)
    trained = clip_tensors(shards) if llava.unfreeze_mm_vision_tower else {}
    if llava.unfreeze_mm_vision_tower and not any(name.startswith("vision_model.") for name in trained):
        raise UserError(
            f"{config.path}: unfreeze_mm_vision_tower: true, but the shards hold no vision tower "
            f"({TOWER_PREFIX}vision_tower.*); set it to false if CLIP was not trained"
        )
    partial = parts.adapter is not None  # beside an adapter the trained tensors alone are stored
    clip = load_towers(tower, llava.mm_vision_select_layer, text_layer, trained, partial=partial)
    location = f"{tower.name} beside the checkpoint" if tower.parent == parts.folder.absolute().parent else str(tower)
    origin = f"the shards (trained; configured as {location})" if trained else location
    return clip, read_processor(tower, clip.image_size, llava.squaring), origin


def _require_embeddings(tokenizer: LlamaTokenizer, shards: Mapping[str, Tensor], source: Path) -> None:
    """Raise UserError where the tokenizer has ids for which the model would have to invent embeddings and outputs."""
    stored = len(shards[EMBEDDING]) if EMBEDDING in shards and shards[EMBEDDING].ndim else 0
    missing = range(stored, len(tokenizer)) if stored else range(0)
    if len(missing) > MAX_NEW_TOKENS_IN_VOCABULARY or any(tokenizer.is_piece(index) for index in missing):
        raise UserError(
            f"{source}: {EMBEDDING} has {stored:,} rows for the tokenizer's {len(tokenizer):,} ids; "
            "tokenizer.model or added_tokens.json is another model's, or the weights are"
        )


def _load_alignment(
    config: EmmaConfig, parts: CheckpointParts, adapted: AdaptedTensors, towers: Towers
) -> Alignment | None:
    """The alignment from vision_tower.bin, its keys bare or prefixed; from the shards if the tower was trained."""
    path, shards = parts.alignment_folder / "vision_tower.bin", adapted.tensors
    if config.alignment is None:
        if any(ALIGNMENT.fullmatch(name) for name in strip_prefix(shards, TOWER_PREFIX)):
            raise UserError(f"{path} is missing: the shards say that this is an EMMA checkpoint")
        return None
    stored = strip_prefix(shards, TOWER_PREFIX) if config.llava.unfreeze_mm_vision_tower else adapted.alignment
    if "image_text_infusion.weight" not in stored or path.is_file():
        stored = {**read_tower_file(path), **stored}
    positions, version = config.alignment.text_positions, config.alignment.encoder_version
    text_tokens = positions.stop - positions.start
    alignment = Alignment(towers.num_patches, text_tokens, towers.vision_width, towers.text_width, version)
    if alignment.learnable_tokens is not None:  # v3 may be stored before they were trained: they start at zero
        stored = {"learnable_tokens": alignment.learnable_tokens.detach(), **stored}
    return load_parameters(alignment, stored, path)
