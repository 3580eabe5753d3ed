"""Towers from open_clip give the features of the same CLIP in transformers, through the whole of EMMA."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from emma_eval.errors import UserError
from emma_eval.models import load_model, weights_fingerprint
from emma_eval.types import Request
from tests.fakes import PROMPT, QUESTION, LoadedImage, make_image
from tests.tiny_checkpoint import EMMA, PATCH, SIDE, TEXT_WIDTH, WIDTH, TinyCheckpoint

pytest.importorskip("open_clip")

ARCHITECTURE = "tiny-open-clip"
NAMES = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}


@pytest.fixture(scope="module", autouse=True)
def architecture(tmp_path_factory: pytest.TempPathFactory) -> None:
    import open_clip

    folder = tmp_path_factory.mktemp("architectures")
    vision = {"image_size": SIDE, "patch_size": PATCH, "width": WIDTH, "head_width": WIDTH // 2, "layers": 3}
    text = {"context_length": 77, "vocab_size": 49408, "width": TEXT_WIDTH, "heads": 2, "layers": 3}
    config = {
        "embed_dim": 8,
        "quick_gelu": True,
        "vision_cfg": vision | {"mlp_ratio": 40 / WIDTH},
        "text_cfg": text | {"mlp_ratio": 20.1 / TEXT_WIDTH},
    }
    (folder / f"{ARCHITECTURE}.json").write_text(json.dumps(config))
    open_clip.add_model_config(folder)


def blocks(tensors: dict[str, Tensor], tower: str, prefix: str) -> dict[str, Tensor]:
    """transformers' encoder layers under open_clip's names: q, k and v are one matrix there."""
    converted: dict[str, Tensor] = {}
    for layer in range(3):
        old, new = f"{tower}.encoder.layers.{layer}.", f"{prefix}transformer.resblocks.{layer}."
        for kind in ("weight", "bias"):
            parts = [tensors[f"{old}self_attn.{part}_proj.{kind}"] for part in "qkv"]
            converted[f"{new}attn.in_proj_{kind}"] = torch.cat(parts)
            converted |= {f"{new}{ours}.{kind}": tensors[f"{old}{theirs}.{kind}"] for theirs, ours in NAMES.items()}
    return converted


def as_open_clip(clip: Any) -> dict[str, Tensor]:
    tensors = clip.state_dict()
    vision, text = "vision_model.", "text_model."
    converted = {
        "visual.class_embedding": tensors[vision + "embeddings.class_embedding"],
        "visual.conv1.weight": tensors[vision + "embeddings.patch_embedding.weight"],
        "visual.positional_embedding": tensors[vision + "embeddings.position_embedding.weight"],
        "visual.proj": tensors["visual_projection.weight"].T,
        "positional_embedding": tensors[text + "embeddings.position_embedding.weight"],
        "token_embedding.weight": tensors[text + "embeddings.token_embedding.weight"],
        "text_projection": tensors["text_projection.weight"].T,
        "logit_scale": tensors["logit_scale"],
    }
    for kind in ("weight", "bias"):
        converted[f"visual.ln_pre.{kind}"] = tensors[f"{vision}pre_layrnorm.{kind}"]
        converted[f"visual.ln_post.{kind}"] = tensors[f"{vision}post_layernorm.{kind}"]
        converted[f"ln_final.{kind}"] = tensors[f"{text}final_layer_norm.{kind}"]
    converted |= blocks(tensors, "vision_model", "visual.") | blocks(tensors, "text_model", "")
    return {name: value.contiguous() for name, value in converted.items()}


def write(tiny: TinyCheckpoint, root: Path, tower: str = f"open_clip:{ARCHITECTURE}/tiny-open-clip.pt") -> Path:
    folder = tiny.write(root)
    torch.save(as_open_clip(tiny.clip), root / "tiny-open-clip.pt")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"mm_vision_tower": tower}))
    return folder


@torch.inference_mode()
def test_features_and_answers_are_those_of_transformers_towers(tmp_path: Path) -> None:
    theirs = load_model(str(EMMA.write(tmp_path / "transformers")), device="cpu")
    ours = load_model(str(write(EMMA, tmp_path / "open_clip")), device="cpu")
    request = Request("1", 0, PROMPT, QUESTION, (LoadedImage(make_image()),), 8)
    pixels, other = (model.processor(request.images[0].open()) for model in (ours, theirs))
    assert (pixels == other).all()
    pixels, ids = torch.from_numpy(pixels)[None], torch.tensor([ours.tokenize(request).instruction_ids])
    torch.testing.assert_close(ours.model.encode_images(pixels), theirs.model.encode_images(pixels), rtol=0, atol=2e-5)
    torch.testing.assert_close(ours.model.encode_text(ids), theirs.model.encode_text(ids), rtol=0, atol=2e-5)
    assert ours.ask([request]) == theirs.ask([request])


@pytest.mark.parametrize(
    ("tower", "fragment"),
    [
        ("open_clip:no-such-architecture/openai", "no-such-architecture"),
        (f"open_clip:{ARCHITECTURE}/no-such-tag", "no-such-tag"),
        (f"open_clip:{ARCHITECTURE}", "must be open_clip:ARCH/PRETRAINED"),
    ],
)
def test_an_unknown_open_clip_model_is_refused(tower: str, fragment: str, tmp_path: Path) -> None:
    folder = write(EMMA, tmp_path, tower)
    with pytest.raises(UserError, match=fragment) as failure:
        load_model(str(folder), device="cpu")
    assert "\n" not in str(failure.value)


def test_the_fingerprint_covers_open_clip_weights(tmp_path: Path) -> None:
    folder = write(EMMA, tmp_path)
    before = weights_fingerprint(folder)
    with (tmp_path / "tiny-open-clip.pt").open("ab") as file:
        file.write(b"\0")
    assert weights_fingerprint(folder) != before
