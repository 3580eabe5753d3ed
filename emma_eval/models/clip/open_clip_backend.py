"""CLIP's towers from open_clip, for checkpoints whose mm_vision_tower is `open_clip:ARCH/PRETRAINED`.

open_clip knows each architecture's activation and preprocessing. Its `forward_intermediates` gives a layer's output
without the final norm, which is what EMMA uses.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import open_clip
import torch
from open_clip.transformer import VisionTransformer
from torch import Tensor, nn

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.folders import open_clip_names
from emma_eval.models.clip.image_processor import ImageProcessor, Squaring
from emma_eval.models.clip.weights import check_text_tower, num_layers_up_to
from emma_eval.utils.hub import describe_hub_error, fail_fast_and_quietly


class OpenClipTowers(nn.Module):
    """Towers (see there) of an open_clip model: the output of one layer of each."""

    def __init__(self, clip: Any, vision_index: int, text_index: int) -> None:
        super().__init__()
        self.clip = clip
        self.vision_index, self.text_index = vision_index, text_index
        rows, columns = clip.visual.grid_size
        self.image_size: int = clip.visual.image_size[0]
        self.num_patches: int = rows * columns
        self.vision_width: int = clip.visual.transformer.width
        self.text_width: int = _text_tower(clip).transformer.width

    def vision_features(self, pixels: Tensor) -> Tensor:
        """See Towers."""
        features = self.clip.visual.forward_intermediates(
            pixels,
            indices=[self.vision_index],
            stop_early=True,
            intermediates_only=True,
            output_fmt="NLC",
            output_extra_tokens=True,
        )
        return torch.cat([features["image_intermediates_prefix"][0], features["image_intermediates"][0]], dim=1)

    def text_features(self, ids: Tensor) -> Tensor:
        """See Towers."""
        features = self.clip.forward_intermediates(text=ids, text_indices=[self.text_index], intermediates_only=True)
        return cast(Tensor, features["text_intermediates"][0])


def load_open_clip_towers(
    name: str, checkpoint: Path, vision_layer: int, text_layer: int | None, squaring: Squaring
) -> tuple[OpenClipTowers, ImageProcessor]:
    """Build the towers of a checkpoint's `open_clip:ARCH/PRETRAINED`, and the preprocessing open_clip has for them.

    Raises UserError for an unknown architecture or tag, weights that do not fit, a tower without a class token, or a
    layer that is not there.
    """
    architecture, pretrained = open_clip_names(name, checkpoint)
    where = f"{checkpoint / 'config.json'}: mm_vision_tower {name!r}"
    try:
        with nullcontext() if Path(pretrained).is_file() else fail_fast_and_quietly():
            clip = open_clip.create_model(architecture, pretrained=pretrained, device="cpu", precision="fp32")
    except Exception as error:  # open_clip and the hub client raise many kinds
        reason = describe_hub_error(error).partition(" Available")[0]  # the names of a hundred models follow
        raise UserError(f"{where} can't be loaded by open_clip: {reason}") from error
    if not isinstance(clip.visual, VisionTransformer):
        raise UserError(f"{where}: only open_clip's plain vision transformers have the class token that EMMA drops")
    text = _text_tower(clip)
    check_text_tower(text.positional_embedding.shape[0], text.token_embedding.num_embeddings, where)
    towers = OpenClipTowers(
        clip,
        _layer_index(vision_layer, clip.visual, "mm_vision_select_layer", where),
        _layer_index(-1 if text_layer is None else text_layer, text, "mm_text_select_layer", where),
    )
    preprocessing = open_clip.get_model_preprocess_cfg(clip)
    processor = ImageProcessor(
        size=towers.image_size,
        crop_size=towers.image_size,
        image_mean=tuple(preprocessing["mean"]),
        image_std=tuple(preprocessing["std"]),
        squaring=squaring,
    )
    return towers, processor


def _layer_index(layer: int, tower: Any, key: str, where: str) -> int:
    """The index of the layer whose output is hidden state `layer`."""
    depth = num_layers_up_to(layer, len(tower.transformer.resblocks), key, where)
    if depth == 0:
        raise UserError(f"{key} {layer} is the embeddings, which can't be read from open_clip: {where}")
    return depth - 1


def _text_tower(clip: Any) -> Any:
    """open_clip keeps the text tower in `text`, or, for the original CLIP's layout, in the model itself."""
    return getattr(clip, "text", clip)
