"""Write a trained mPLUG-Owl2 in the official checkpoint layout, in float16.

Its vision model is the CLIP tower without its last layer, because the connectors read the penultimate states; the
learnt norm over all rows comes after it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import CLIPModel

from emma_eval.mini.train.export import copy_tokenizer, half, write_generation_config, write_json, write_processor
from emma_eval.mini.train.model import TrainableVLM, abstractor_config
from emma_eval.models.mplug_owl2.weights import ABSTRACTOR, VISION, abstractor_names

LAYER = {  # names in transformers' CLIP -> in mPLUG-Owl2's vision model
    "layer_norm1": "input_layernorm",
    "self_attn.out_proj": "self_attn.dense",
    "layer_norm2": "post_attention_layernorm",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}


def export_owl2(vlm: TrainableVLM, clip: CLIPModel, tokenizer: Path, folder: Path) -> None:
    """Write the folder, which needs no other: vision model, abstractor and language model."""
    folder.mkdir(parents=True, exist_ok=True)
    copy_tokenizer(tokenizer, folder)
    layers = clip.config.vision_config.num_hidden_layers - 1
    tensors = dict(_vision(clip, layers)) | dict(_abstractor(vlm)) | half(vlm.llama)
    tensors |= {f"{VISION}post_layernorm.{key}": value for key, value in half(vlm.post_layernorm).items()}
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")
    write_json(folder / "config.json", vlm.llama.config.to_dict() | _config(clip, layers))
    write_generation_config(folder)
    write_processor(folder)


def _vision(clip: CLIPModel, layers: int) -> Iterator[tuple[str, Tensor]]:
    state, heads = half(clip.vision_model), clip.config.vision_config.num_attention_heads
    yield f"{VISION}embeddings.cls_token", state["embeddings.class_embedding"][None, None]
    yield f"{VISION}embeddings.position_embedding", state["embeddings.position_embedding.weight"][None]
    yield f"{VISION}embeddings.patch_embed.weight", state["embeddings.patch_embedding.weight"]
    for kind in ("weight", "bias"):
        yield f"{VISION}embeddings.pre_layernorm.{kind}", state[f"pre_layrnorm.{kind}"]
        for index in range(layers):
            source, target = f"encoder.layers.{index}.", f"{VISION}encoder.layers.{index}."
            parts = [state[f"{source}self_attn.{part}_proj.{kind}"] for part in "qkv"]
            by_head = torch.stack([part.reshape(heads, -1, *part.shape[1:]) for part in parts], dim=1)
            yield f"{target}self_attn.query_key_value.{kind}", by_head.flatten(0, 2)  # (H, 3, Dh, ...)
            for theirs, name in LAYER.items():
                yield f"{target}{name}.{kind}", state[f"{source}{theirs}.{kind}"]


def _abstractor(vlm: TrainableVLM) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in half(vlm.projector).items():
        if name.endswith("_positions"):  # the published shards do not hold these tables either
            continue
        names = abstractor_names(name)
        for stored, part in zip(names, tensor.chunk(len(names)), strict=True):
            leading = {f"{ABSTRACTOR}query_embeds": 1, f"{ABSTRACTOR}vit_eos": 2}.get(stored, 0)
            yield stored, part[(None,) * leading] if leading else part.clone()


def _config(clip: CLIPModel, layers: int) -> dict[str, Any]:
    vision = clip.config.vision_config
    return {
        "architectures": ["MPLUGOwl2LlamaForCausalLM"],
        "model_type": "mplug_owl2",
        "torch_dtype": "float16",
        "visual_config": {
            "visual_model": {
                "hidden_size": vision.hidden_size,
                "intermediate_size": vision.intermediate_size,
                "num_hidden_layers": layers,
                "num_attention_heads": vision.num_attention_heads,
                "image_size": vision.image_size,
                "patch_size": vision.patch_size,
                "hidden_act": vision.hidden_act,
                "layer_norm_eps": vision.layer_norm_eps,
            },
            "visual_abstractor": abstractor_config(vision.hidden_size).model_dump(include=ABSTRACTOR_KEYS),
        },
    }


ABSTRACTOR_KEYS = {
    *("hidden_size", "encoder_hidden_size", "intermediate_size", "num_hidden_layers"),
    *("num_attention_heads", "num_learnable_queries", "grid_size", "layer_norm_eps"),
}
