"""Checkpoint folders of EMMA and LLaVA, one file damaged."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

import torch

from emma_eval.models import find_model
from emma_eval.models.base import ModelSpec
from emma_eval.utils.json_io import read_json
from tests.bad_input.mutations import damaged, with_hostile_value
from tests.bad_input.outcome import Outcome, Target, require
from tests.fakes import first_token_logits, make_image, request
from tests.tiny_checkpoint import EMMA, LLAVA

DAMAGED = ("config.json", "tokenizer_config.json", "tokenizer.model", "model.safetensors", "vision_tower.bin",
           "../tiny-clip/config.json", "../tiny-clip/preprocessor_config.json",
           "../tiny-clip/pytorch_model.bin")  # fmt: skip


@dataclass(frozen=True)
class Clean:
    """A checkpoint, its fingerprint, and what it says to one request."""

    folder: Path
    fingerprint: str
    logits: torch.Tensor


def prepare(folder: Path) -> list[Clean]:
    """An EMMA and a LLaVA with random weights."""
    torch.set_num_threads(1)
    return [_clean(checkpoint.write(folder / name)) for name, checkpoint in (("emma", EMMA), ("llava", LLAVA))]


def _clean(folder: Path) -> Clean:
    return Clean(folder, *_look(folder))


def _look(folder: Path) -> tuple[str, torch.Tensor]:
    handle = find_model(ModelSpec(str(folder), "cpu", "float32", {}))
    loaded = handle.load()
    logits, _ = first_token_logits(
        loaded, [request("USER: <image>\nWhat? ASSISTANT:", make_image(), instruction="What?")]
    )
    return handle.fingerprint(), logits.detach().clone()


def examine(checkpoints: list[Clean], rng: random.Random) -> Outcome:
    """Damage one file, load the checkpoint and ask it."""
    clean = rng.choice(checkpoints)
    path = (clean.folder / rng.choice(DAMAGED)).resolve()
    before = path.read_bytes() if path.exists() else None
    path.write_bytes(after := _malformed(before or b"{}", path.name, rng))
    try:
        fingerprint, logits = _look(clean.folder)
    finally:
        path.write_bytes(before) if before is not None else path.unlink()
    if logits.shape == clean.logits.shape and torch.equal(logits, clean.logits):
        return Outcome.SAME
    require(fingerprint != clean.fingerprint, "other logits, and the fingerprint that runs record is the same")
    if path.suffix == ".json":
        read_json(path)
    require(before is None or not before.startswith(after), f"{path.name} is cut off, and is loaded")
    is_named_alike = path.suffix != ".safetensors" or _header(after) == _header(before or b"")
    require(is_named_alike, "other names, shapes or types, and it is loaded")
    return Outcome.CHANGED if torch.isfinite(logits).all() else Outcome.TOLD  # which fails each sample, in words


def _malformed(data: bytes, name: str, rng: random.Random) -> bytes:
    if name.endswith(".json") and rng.random() < 0.7:
        return json.dumps(with_hostile_value(json.loads(data), rng)).encode()
    if name.endswith((".safetensors", ".bin")) and rng.random() < 0.7:  # where names, shapes and places stand
        part = data[:2000] if name.endswith(".safetensors") else data[-3000:]
        changed = damaged(part, rng)
        return changed + data[2000:] if name.endswith(".safetensors") else data[:-3000] + changed
    return damaged(data, rng)


def _header(data: bytes) -> object:
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length])


TARGET = Target(
    name="checkpoints",
    what="folders of EMMA and LLaVA with random weights: configurations, tokenizer, tensors and tower, one damaged",
    wrong="other logits with the same fingerprint, which a run records; a file that is cut off, or a tensor of another "
    "name, shape or type, is loaded",
    count=200,
    prepare=prepare,
    examine=examine,
)
