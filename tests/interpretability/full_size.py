"""config.json of the published models, as far as counts depend on it; no weights, no CLIP folder beside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

CLIP = "openai/clip-vit-large-patch14-336"
VICUNA_7B: dict[str, Any] = {
    "model_type": "llava_llama",
    "vocab_size": 32_000,
    "hidden_size": 4096,
    "intermediate_size": 11_008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "torch_dtype": "float16",
    "mm_projector_type": "mlp2x_gelu",
    "mm_vision_tower": CLIP,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "llava-7b": VICUNA_7B,
    "emma-7b": {**VICUNA_7B, "encoder_version": "v1"},
    "owl2": {"model_type": "mplug_owl2"},  # the sizes are the defaults of its classes
}


def write_config(root: Path, name: str, **changes: Any) -> Path:
    """A folder with config.json alone."""
    folder = root / name
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(SETTINGS[name] | changes))
    return folder
