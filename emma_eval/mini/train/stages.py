"""The stages after CLIP: language (the LLM alone, on text), align (stage 1), tune (stage 2).

The paper trains alignment and projector on captions first, then them and the language model on instructions. A real
EMMA begins with a language model that already reads; ours learns that in the language stage.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from emma_eval.mini.train.examples import (
    Example,
    caption_example,
    letter_example,
    reading_example,
    text_example,
    world_example,
)
from emma_eval.mini.train.features import Listener
from emma_eval.mini.train.loop import Outcome, Schedule, fit
from emma_eval.mini.train.model import IGNORE, PADDING, Batch, Student, pad, split_ids
from emma_eval.mini.world import FIRST_TRAINING_SEED, Scene
from emma_eval.models.emma.tokenizer import LlamaTokenizer

BATCH = 128
END_ID = 2
BLURRED = 0.2  # the share of questions for which a blurred image may be drawn
CYCLE = ("easy", "world", "letter", "world", "caption", "world", "text", "world", "letter", "world", "world", "text")
READING = (reading_example, letter_example, reading_example, text_example)  # a batch of one kind teaches it sooner


@dataclass(frozen=True)
class Material:
    """All that the later stages learn from."""

    scenes: list[Scene]  # their features come first in `vision`
    easy: list[Example]
    vision: Tensor  # (images, 36, Dv) float16
    listen: Listener
    tokenizer: LlamaTokenizer

    @cached_property
    def by_things(self) -> dict[int, list[int]]:
        """Number of things -> the scenes with so many; 0 -> the blurred ones."""
        found: dict[int, list[int]] = {}
        for number, scene in enumerate(self.scenes):
            found.setdefault(0 if scene.blurred else len(scene.things), []).append(number)
        return found


def learn_language(student: Student, material: Material, steps: int, folder: Path) -> None:
    """The LLM alone, on questions that a hint answers: looking up in text, choosing a letter, then both at once.

    In reading every token is foretold, not the answer alone: names that occur again teach to look back.
    """

    def loss_of(step: int) -> Outcome:
        rng = random.Random(FIRST_TRAINING_SEED + step)
        make = READING[step % len(READING)]
        return _loss(student, material, [make(rng) for _ in range(BATCH)], every_token=make is reading_example)

    fit("language", student.llama, loss_of, Schedule(steps, 1.5e-3, hold=1.0), folder)


def align(student: Student, material: Material, steps: int, folder: Path, name: str) -> None:
    """Stage 1: projector and alignment learn to caption for a frozen LLM."""
    bridge = nn.ModuleList([part for part in (student.projector, student.alignment) if part is not None])
    student.llama.requires_grad_(False)

    def loss_of(step: int) -> Outcome:
        rng = random.Random(FIRST_TRAINING_SEED + step)
        return _loss(student, material, _captions(rng, material, 3))

    fit(f"{name}-align", bridge, loss_of, Schedule(steps, 2e-3), folder)
    student.llama.requires_grad_(True)


def tune(student: Student, material: Material, schedule: Schedule, folder: Path, name: str) -> None:
    """Stage 2: everything but the towers, on questions in the manner of the eight benchmarks and easy-VQA."""

    def loss_of(step: int) -> Outcome:
        rng = random.Random(FIRST_TRAINING_SEED + step)
        most = things_at(step / schedule.steps)
        return _loss(student, material, _draw(rng, step, material, most))

    fit(f"{name}-tune", student, loss_of, schedule, folder)


def things_at(progress: float) -> int:
    """The curriculum: how many things a scene may hold at this share of the steps. One, then two, then up to four."""
    return 1 if progress < 0.05 else 2 if progress < 0.2 else 4


def _draw(rng: random.Random, step: int, material: Material, most: int) -> list[Example]:
    kind = CYCLE[step % len(CYCLE)]
    if kind == "easy":
        return [rng.choice(material.easy) for _ in range(BATCH)]
    if kind == "letter":
        return [letter_example(rng) for _ in range(BATCH)]
    if kind == "text":
        return [text_example(rng) for _ in range(BATCH)]
    if kind == "caption":
        return _captions(rng, material, most)
    chosen = [_scene(rng, material, int(rng.random() > BLURRED), most) for _ in range(BATCH)]
    return [world_example(rng, k, material.scenes[k]) for k in chosen]


def _captions(rng: random.Random, material: Material, most: int) -> list[Example]:
    chosen = [_scene(rng, material, 1, most) for _ in range(BATCH)]
    return [caption_example(k, material.scenes[k]) for k in chosen]


def _scene(rng: random.Random, material: Material, least: int, most: int) -> int:
    return rng.choice(material.by_things[rng.randint(least, most)])


def _loss(student: Student, material: Material, examples: list[Example], every_token: bool = False) -> Outcome:
    batch = as_batch(examples, material, listens=student.alignment is not None)
    with torch.autocast("cpu", torch.bfloat16):
        loss, right = student.loss(batch, every_token)
    rights: dict[str, list[float]] = {}
    for example, hit in zip(examples, right.tolist(), strict=True):
        rights.setdefault(example.task, []).append(hit)
    return loss, rights


def as_batch(examples: list[Example], material: Material, *, listens: bool) -> Batch:
    """Examples, all with or all without an image, as numbers."""
    encode: Callable[[str], list[int]] = material.tokenizer.encode
    cut = [split_ids(material.tokenizer.encode_prompt(e.prompt), encode(e.answer), END_ID) for e in examples]
    images = [e.image for e in examples if e.image is not None]
    return Batch(
        before=torch.tensor(cut[0][0]),
        after=pad([after for _, after, _ in cut], PADDING),
        labels=pad([labels for _, _, labels in cut], IGNORE),
        vision=material.vision[images].float() if images else None,
        text=material.listen([e.instruction for e in examples]) if images and listens else None,
    )
