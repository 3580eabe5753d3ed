"""A model's modules without weights, from its configuration alone: PyTorch's meta device has shapes and no memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.folders import HUB_NAME, OPEN_CLIP_PREFIX, vision_tower_folder
from emma_eval.models.checkpoints.paths import is_regular_file
from emma_eval.models.checkpoints.state_dict import SkipInitialization
from emma_eval.models.checkpoints.unsupported import ADAPTER_CONFIG, holds_projector_alone
from emma_eval.models.clip.config import ClipTextConfig, ClipVisionConfig, read_clip_config
from emma_eval.models.clip.model import ClipTowers
from emma_eval.models.clip.weights import num_layers_up_to
from emma_eval.models.emma.alignment import Alignment, build_projector
from emma_eval.models.emma.config import EMMA_KEYS, EmmaConfig
from emma_eval.models.emma.config import read_config as read_emma_config
from emma_eval.models.emma.converted_config import is_conversion, read_conversion
from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.llama.model import Llama
from emma_eval.models.mplug_owl2.abstractor import Abstractor
from emma_eval.models.mplug_owl2.config import MODEL_TYPE, SUCCESSOR
from emma_eval.models.mplug_owl2.config import read_config as read_owl2_config
from emma_eval.models.mplug_owl2.model import MPlugOwl2Model
from emma_eval.models.mplug_owl2.vision import VisionModel
from emma_eval.utils.hub import offline
from emma_eval.utils.json_io import read_json_object

# config.json of openai/clip-vit-large-patch14-336 on the hub, which EMMA-7B and LLaVA-1.5 name.
PUBLISHED_CLIP = "openai/clip-vit-large-patch14-336"
PUBLISHED_VISION = ClipVisionConfig(
    hidden_size=1024,
    intermediate_size=4096,
    num_hidden_layers=24,
    num_attention_heads=16,
    image_size=336,
    patch_size=14,
)
PUBLISHED_TEXT = ClipTextConfig(
    hidden_size=768,
    intermediate_size=3072,
    num_hidden_layers=12,
    num_attention_heads=12,
    max_position_embeddings=77,
    vocab_size=49_408,
)


@dataclass(frozen=True, slots=True)
class Skeleton:
    """A model on the meta device, built as it is computed, and what the checkpoint has beside that."""

    model: EmmaModel | MPlugOwl2Model
    whole_vision: int  # parameters of the checkpoint's vision tower: all layers and the final norm
    whole_text: int  # those of CLIP's text tower; 0 for a model that reads none
    dtype: str  # in which the configuration says that it is stored
    notes: tuple[str, ...]  # what was assumed
    as_stored: bool = True  # the folder's own weights, if there are any, are named as in the authors' layout


def build_skeleton(folder: Path) -> Skeleton:
    """The model of a folder with a config.json; weights are not read and need not be there.

    Raises UserError for a configuration that is not computed here, and where CLIP's configuration is not on this
    machine.
    """
    content = read_json_object(folder / "config.json")
    if content.get("model_type") in (MODEL_TYPE, SUCCESSOR):
        return _mplug_owl2(folder)
    if is_conversion(content):
        conversion = read_conversion(folder)
        return replace(_emma(conversion.config, conversion.vision, None, ()), as_stored=False)
    config = read_emma_config(folder)
    vision, text, notes = _clip_configs(config, folder)
    return _emma(config, vision, text, (*notes, *_doubts(config, folder)))


def _emma(
    config: EmmaConfig, vision: ClipVisionConfig, text: ClipTextConfig | None, notes: tuple[str, ...]
) -> Skeleton:
    llava, alignment_config = config.llava, config.alignment
    if alignment_config is None:
        text = None
    elif text is None:
        raise UserError(f"{config.path}: mm_vision_tower names a vision tower alone; EMMA needs CLIP's text tower too")
    layer = "mm_vision_select_layer"
    depth = num_layers_up_to(llava.mm_vision_select_layer, vision.num_hidden_layers, layer, config.path)
    computed_vision, computed_text = vision.model_copy(update={"num_hidden_layers": depth}), text
    if text is not None and alignment_config is not None:
        layer = "mm_text_select_layer"
        depth = num_layers_up_to(alignment_config.mm_text_select_layer, text.num_hidden_layers, layer, config.path)
        computed_text = text.model_copy(update={"num_hidden_layers": depth})
    with torch.device("meta"), SkipInitialization():
        towers, whole = ClipTowers(computed_vision, computed_text), ClipTowers(vision, text)
        alignment = None
        if alignment_config is not None:
            positions = alignment_config.text_positions
            alignment = Alignment(
                towers.num_patches,
                positions.stop - positions.start,
                towers.vision_width,
                towers.text_width,
                alignment_config.encoder_version,
            )
        projector = build_projector(llava.mm_projector_type, towers.vision_width, config.llama.hidden_size)
        model = EmmaModel(config, towers, alignment, projector, Llama(config.llama))
        norms = nn.LayerNorm(towers.vision_width), nn.LayerNorm(max(1, towers.text_width))  # which nothing computes
    whole_text = num_parameters(whole.text) + num_parameters(norms[1]) if whole.text else 0
    return Skeleton(
        model, num_parameters(whole.vision) + num_parameters(norms[0]), whole_text, llava.torch_dtype, notes
    )


def _mplug_owl2(folder: Path) -> Skeleton:
    config = read_owl2_config(folder)
    with torch.device("meta"), SkipInitialization():
        vision = VisionModel(config.vision)
        abstractor = Abstractor(config.abstractor, 1 + config.vision.num_patches, config.llama.hidden_size)
        model = MPlugOwl2Model(config, vision, abstractor, Llama(config.llama))
    return Skeleton(model, num_parameters(vision), 0, config.torch_dtype, ())


def _clip_configs(config: EmmaConfig, folder: Path) -> tuple[ClipVisionConfig, ClipTextConfig | None, tuple[str, ...]]:
    """The towers' configurations, from the CLIP folder; for the one published name, those that are known."""
    name = config.llava.mm_vision_tower
    if name.startswith(OPEN_CLIP_PREFIX):
        raise UserError(f"{config.path}: mm_vision_tower {name!r:.100}: towers of open_clip are not counted here")
    try:
        with offline():  # gigabytes would be downloaded for a file of four kilobytes
            tower = vision_tower_folder(name, folder)
    except UserError as error:
        if name == PUBLISHED_CLIP:
            note = f"CLIP is not on this machine: its towers are counted by the published config.json of {name}"
            return PUBLISHED_VISION, PUBLISHED_TEXT, (note,)
        if not HUB_NAME.fullmatch(name):
            raise
        place = folder.absolute().parent / name.rpartition("/")[2] / "config.json"
        raise UserError(
            f"{config.path}: the towers of mm_vision_tower {name!r:.100} can't be counted, as it is not on this "
            f"machine: put its config.json at {place} (its weights are not needed)"
        ) from error
    return (*read_clip_config(tower), ())


def _doubts(config: EmmaConfig, folder: Path) -> tuple[str, ...]:
    """Notes on a folder that may be more than its configuration says."""
    notes = []
    if config.alignment is None and not any(folder.glob("*.safetensors")) and not any(folder.glob("*.bin")):
        keys = ", ".join(EMMA_KEYS)
        notes.append(f"counted as plain LLaVA: a folder without weights is EMMA's if config.json has one of {keys}")
    if is_regular_file(folder / ADAPTER_CONFIG):
        notes.append("a LoRA folder: counted with the adapter merged into its base, and as if all of it were tuned")
    elif holds_projector_alone(folder):
        notes.append("a projector alone: counted with the language model that config.json describes")
    return tuple(notes)


def num_parameters(*modules: nn.Module) -> int:
    """How many numbers the modules have that training may change."""
    return sum(parameter.numel() for module in modules for parameter in module.parameters())
