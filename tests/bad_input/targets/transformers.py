"""Folders that transformers loads (`hf:`), one file damaged."""

from __future__ import annotations

import json
import random
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers

from emma_eval.inference.loading import load_engine
from emma_eval.inference.runner import run_requests
from emma_eval.models import find_model
from emma_eval.models.base import ModelSpec
from tests import tiny_transformers
from tests.bad_input.mutations import damaged, with_hostile_value
from tests.bad_input.outcome import Outcome, Target, require
from tests.fakes import make_image, request

KINDS = ("llava", "idefics3")


@dataclass(frozen=True)
class Clean:
    """A folder, its fingerprint, and what the model says: the answer and whether there is one."""

    folder: Path
    fingerprint: str
    answer: tuple[str | None, str | None]


def prepare(folder: Path) -> list[Clean]:
    """Two models with random weights."""
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    folders = [tiny_transformers.write(kind, folder / kind) for kind in KINDS]
    return [Clean(one, *_look(one)) for one in folders]


def _look(folder: Path) -> tuple[str, tuple[str | None, str | None]]:
    handle = find_model(ModelSpec(f"hf:{folder}", "cpu", "float32", {}))
    asked = request("<image>\nWhat?", make_image(), limit=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ((_, response),) = run_requests(load_engine(handle), [asked])
    return handle.fingerprint(), (response.text, response.error)


def examine(folders: list[Clean], rng: random.Random) -> Outcome:
    """Damage one file, load the model and ask it."""
    clean = rng.choice(folders)
    path = rng.choice(sorted(clean.folder.iterdir()))
    before = path.read_bytes()
    path.write_bytes(after := _malformed(before, path.name, rng))
    try:
        fingerprint, answer = _look(clean.folder)
    finally:
        path.write_bytes(before)
    if answer == clean.answer:
        return Outcome.SAME
    require(fingerprint != clean.fingerprint, "another answer, and the fingerprint that runs record is the same")
    is_cut = before.startswith(after) and path.suffix != ".jinja"  # a template that is cut is a template
    require(not is_cut or answer[1], f"{path.name} is cut off, and is loaded")
    return Outcome.TOLD if answer[1] else Outcome.CHANGED


def _malformed(data: bytes, name: str, rng: random.Random) -> bytes:
    if name.endswith(".json") and rng.random() < 0.7:
        return json.dumps(with_hostile_value(json.loads(data), rng)).encode()
    if name.endswith(".safetensors") and rng.random() < 0.7:
        return damaged(data[:2000], rng) + data[2000:]
    return damaged(data, rng)


TARGET = Target(
    name="transformers",
    what="folders that transformers loads: configurations, tokenizer, template, tensors of two models, one damaged",
    wrong="another answer with the same fingerprint; a file that is cut off is loaded",
    count=300,
    prepare=prepare,
    examine=examine,
)
