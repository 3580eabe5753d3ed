"""A checkpoint folder, laid out as the reference writes it, to a model that answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.folders import OPEN_CLIP_PREFIX, shard_files, tower_folder
from emma_eval.models.checkpoints.state_dict import fill, read_tensors, without_prefix
from emma_eval.models.checkpoints.unused_tensors import (
    ALIGNMENT,
    TOWER,
    is_copy_of_tower,
    refuse_leftovers,
    refuse_quantised,
)
from emma_eval.models.clip.image_processor import ImageProcessor, read_processor
from emma_eval.models.clip.model import Towers
from emma_eval.models.clip.text_tokenizer import instruction_ids
from emma_eval.models.clip.weights import load_towers
from emma_eval.models.emma.alignment import Alignment, build_projector
from emma_eval.models.emma.config import EmmaConfig, read_config, require_in_vocabulary
from emma_eval.models.emma.description import clip_copy, described, notes_on, tower_file
from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.emma.tokenizer import IMAGE_PATCH, LlamaTokenizer
from emma_eval.models.llama.weights import EMBEDDING, HEAD, all_stored_names, load_llama
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.utils.text import first_error_line

PROJECTOR = "model.mm_projector."
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
MOST_NEW_ROWS = 4  # of the vocabulary: what trainers add (<im_patch>, a pad token) is never so many


def load_emma(
    folder: Path, device: str | None = None, dtype: str | None = None, *, fast_preprocess: bool = False
) -> ModelRunner[EmmaModel]:
    """Load EMMA v1, v3 or plain LLaVA-1.5 from its folder; the options are those of `load_model`.

    Raises UserError for a missing file, a missing or misshaped tensor, an unsupported setting, an unknown tower.
    """
    config = read_config(folder)
    place = _device(device)
    _set_up(place)
    precision = _dtype(dtype, place, config)
    tokenizer = LlamaTokenizer(folder)
    if config.adds_patch_token:
        tokenizer.add_special(IMAGE_PATCH)
    files = shard_files(folder)
    shards = read_tensors(files)
    source = files[0] if len(files) == 1 else folder
    refuse_quantised(shards, source)
    towers, processor, tower_place = _towers(config, folder, shards)
    alignment = _alignment(config, folder, shards, towers)
    _require_rows(tokenizer, shards, source)
    require_in_vocabulary(config, len(tokenizer))
    llama = load_llama(config.llama, shards, source, len(tokenizer), torch.empty(0, dtype=precision, device=place))
    projector = build_projector(config.projector, towers.width, config.llama.hidden_size)
    fill(projector, shards, source, PROJECTOR)
    read = all_stored_names(llama) | {PROJECTOR + name for name in projector.state_dict()} | {HEAD}
    unread = {name for name in shards if name not in read and not is_copy_of_tower(name)}
    refuse_leftovers(unread, source)
    notes = notes_on(config, folder, shards, towers, alignment)
    if precision is torch.float32:
        torch.backends.cudnn.allow_tf32 = False  # or CLIP's patch embedding keeps 10 bits of its 23 on a GPU
    model = EmmaModel(config, towers, alignment, projector, llama)
    return ModelRunner(
        model=model.to(place, precision).eval().requires_grad_(False),
        tokenizer=tokenizer,
        processor=replace(processor, fast=fast_preprocess),
        eos_ids=config.eos_ids,
        max_length=config.max_length,
        family="emma" if alignment else "llava",
        tokenize_instruction=instruction_ids if alignment else None,
        built="; ".join([described(config, tower_place, precision, place), *notes]),
    )


def _towers(config: EmmaConfig, folder: Path, shards: Mapping[str, Tensor]) -> tuple[Towers, ImageProcessor, str]:
    """The towers, what prepares their images, and where they are from."""
    text_layer = config.alignment.text_layer if config.alignment else None
    if config.vision_tower.startswith(OPEN_CLIP_PREFIX):
        if config.tower_in_shards:
            raise UserError(f"{config.path}: unfreeze_mm_vision_tower with a tower of open_clip is not supported")
        from emma_eval.models.clip.open_clip_backend import load_open_clip_towers

        loaded = load_open_clip_towers(
            config.vision_tower, folder, config.vision_layer, text_layer, pad_to_square=config.pad_to_square
        )
        return *loaded, config.vision_tower
    tower = tower_folder(config.vision_tower, folder)
    override = clip_copy(shards) if config.tower_in_shards else {}
    if config.tower_in_shards and not any(name.startswith("vision_model.") for name in override):
        raise UserError(
            f"{config.path}: unfreeze_mm_vision_tower: true, but the shards hold no vision tower "
            f"({TOWER}vision_tower.*); set it to false if CLIP was not trained"
        )
    towers = load_towers(tower, config.vision_layer, text_layer, override)
    place = f"{tower.name} beside the checkpoint" if tower.parent == folder.absolute().parent else str(tower)
    origin = f"the shards (trained; configured as {place})" if override else place
    return towers, read_processor(tower, towers.image_size, config.pad_to_square), origin


def _require_rows(tokenizer: LlamaTokenizer, shards: Mapping[str, Tensor], source: Path) -> None:
    """Raise UserError where the tokenizer has ids for which the model would have to invent embeddings and outputs."""
    stored = len(shards[EMBEDDING]) if EMBEDDING in shards and shards[EMBEDDING].ndim else 0
    missing = range(stored, len(tokenizer)) if stored else range(0)
    if len(missing) > MOST_NEW_ROWS or any(tokenizer.is_piece(index) for index in missing):
        raise UserError(
            f"{source}: {EMBEDDING} has {stored:,} rows for the tokenizer's {len(tokenizer):,} ids; "
            "tokenizer.model or added_tokens.json is another model's, or the weights are"
        )


def _alignment(config: EmmaConfig, folder: Path, shards: Mapping[str, Tensor], towers: Towers) -> Alignment | None:
    """The alignment from vision_tower.bin, its keys bare or prefixed; from the shards if the tower was trained."""
    path = folder / "vision_tower.bin"
    if config.alignment is None:
        if any(ALIGNMENT.fullmatch(name) for name in without_prefix(shards, TOWER)):
            raise UserError(f"{path} is missing: the shards say that this is an EMMA checkpoint")
        return None
    in_shards = without_prefix(shards, TOWER) if config.tower_in_shards else {}
    if "image_text_infusion.weight" in in_shards and not path.is_file():
        stored = in_shards
    else:
        stored = tower_file(path) | in_shards
    positions = config.alignment.text_positions
    text_tokens = positions.stop - positions.start
    alignment = Alignment(towers.patches, text_tokens, towers.width, towers.text_width, config.alignment.version)
    if alignment.learnable_tokens is not None:  # v3 may be stored before they were trained: they start at zero
        stored = {"learnable_tokens": alignment.learnable_tokens.detach()} | stored
    return fill(alignment, stored, path)


def _device(name: str | None) -> torch.device:
    if name in (None, "auto"):
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(str(name))
        torch.empty(0, device=device).cpu()  # `meta` makes tensors that hold nothing
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"device {name!r} is not to be had here: {first_error_line(error)}") from error
    return device


def _set_up(device: torch.device) -> None:
    """Make a GPU ready: streams and graphs are the current device's; cuDNN's attention prepares for every new shape."""
    if device.type == "cuda":
        if device.index is not None:
            torch.cuda.set_device(device)
        torch.backends.cuda.enable_cudnn_sdp(False)


def _dtype(name: str | None, device: torch.device, config: EmmaConfig) -> torch.dtype:
    if name in (None, "auto"):
        if device.type == "cpu":
            return torch.float32
        return torch.float16 if config.stored_dtype == "float16" else torch.bfloat16
    if name not in DTYPES:
        raise UserError(f"unknown dtype {name!r}; known: auto, {', '.join(DTYPES)}")
    return DTYPES[str(name)]
