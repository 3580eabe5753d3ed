"""The stages after CLIP: language (the LLM alone, on text), align (stage 1), tune (stage 2).

The paper trains alignment and projector on captions first, then both and the language model on instructions. It
starts from a pretrained language model, for which the language stage stands in here.
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
from emma_eval.mini.train.features import TextFeatureCache
from emma_eval.mini.train.loop import Schedule, StepResult, fit
from emma_eval.mini.train.model import IGNORE, PADDING, TrainableVLM, TrainingBatch, pad, split_ids
from emma_eval.mini.world import FIRST_TRAINING_SEED, Scene
from emma_eval.models.llama.tokenizer import LlamaTokenizer

BATCH = 128
END_ID = 2
BLURRED = 0.2  # share of the examples for which a blurred image may be drawn
CYCLE = ("easy", "world", "letter", "world", "caption", "world", "text", "world", "letter", "world", "world", "text")
READING = (
    reading_example,
    letter_example,
    reading_example,
    text_example,
)  # batches of one kind converge faster than mixed ones


@dataclass(frozen=True)
class TrainingData:
    """The data of the later stages."""

    scenes: list[Scene]  # their features are the first rows of `vision`
    easy: list[Example]
    vision: Tensor  # (images, 36, Dv) float16
    text_features: TextFeatureCache
    tokenizer: LlamaTokenizer

    @cached_property
    def scenes_by_count(self) -> dict[int, list[int]]:
        """Number of things -> indices of the scenes with that many; 0 -> the blurred scenes."""
        indices: dict[int, list[int]] = {}
        for index, scene in enumerate(self.scenes):
            indices.setdefault(0 if scene.blurred else len(scene.things), []).append(index)
        return indices


def learn_language(vlm: TrainableVLM, data: TrainingData, steps: int, folder: Path) -> None:
    """The LLM alone, on questions whose hint holds the answer: look up in text, choose a letter, both at once.

    On reading examples the loss is over every token, not the answer alone: repeated names teach to copy from context.
    """

    def loss_of(step: int) -> StepResult:
        rng = random.Random(FIRST_TRAINING_SEED + step)
        make = READING[step % len(READING)]
        return _loss(vlm, data, [make(rng) for _ in range(BATCH)], every_token=make is reading_example)

    fit("language", vlm.llama, loss_of, Schedule(steps, 1.5e-3, hold=1.0), folder)


def align(vlm: TrainableVLM, data: TrainingData, steps: int, folder: Path, name: str) -> None:
    """Stage 1: train projector and alignment on captions, the LLM frozen."""
    connector = nn.ModuleList([part for part in (vlm.projector, vlm.alignment) if part is not None])
    vlm.llama.requires_grad_(False)

    def loss_of(step: int) -> StepResult:
        rng = random.Random(FIRST_TRAINING_SEED + step)
        return _loss(vlm, data, _captions(rng, data, 3))

    fit(f"{name}-align", connector, loss_of, Schedule(steps, 2e-3), folder)
    vlm.llama.requires_grad_(True)


def tune(vlm: TrainableVLM, data: TrainingData, schedule: Schedule, folder: Path, name: str) -> None:
    """Stage 2: train everything but the towers on questions of the eight benchmarks and easy-VQA."""

    def loss_of(step: int) -> StepResult:
        rng = random.Random(FIRST_TRAINING_SEED + step)
        max_things = max_things_at(step / schedule.steps)
        return _loss(vlm, data, _draw_examples(rng, step, data, max_things))

    fit(f"{name}-tune", vlm, loss_of, schedule, folder)


def max_things_at(progress: float) -> int:
    """The curriculum: the most things in a scene at this share of the steps (one, then two, then four)."""
    return 1 if progress < 0.05 else 2 if progress < 0.2 else 4


def _draw_examples(rng: random.Random, step: int, data: TrainingData, max_things: int) -> list[Example]:
    kind = CYCLE[step % len(CYCLE)]
    if kind == "easy":
        return [rng.choice(data.easy) for _ in range(BATCH)]
    if kind == "letter":
        return [letter_example(rng) for _ in range(BATCH)]
    if kind == "text":
        return [text_example(rng) for _ in range(BATCH)]
    if kind == "caption":
        return _captions(rng, data, max_things)
    indices = [_draw_scene(rng, data, int(rng.random() > BLURRED), max_things) for _ in range(BATCH)]
    return [world_example(rng, k, data.scenes[k]) for k in indices]


def _captions(rng: random.Random, data: TrainingData, max_things: int) -> list[Example]:
    indices = [_draw_scene(rng, data, 1, max_things) for _ in range(BATCH)]
    return [caption_example(k, data.scenes[k]) for k in indices]


def _draw_scene(rng: random.Random, data: TrainingData, min_things: int, max_things: int) -> int:
    return rng.choice(data.scenes_by_count[rng.randint(min_things, max_things)])


def _loss(vlm: TrainableVLM, data: TrainingData, examples: list[Example], every_token: bool = False) -> StepResult:
    batch = collate(examples, data, with_text=vlm.alignment is not None)
    with torch.autocast("cpu", torch.bfloat16):
        loss, correct = vlm.loss(batch, every_token)
    correct_by_task: dict[str, list[float]] = {}
    for example, is_correct in zip(examples, correct.tolist(), strict=True):
        correct_by_task.setdefault(example.task, []).append(is_correct)
    return loss, correct_by_task


def collate(examples: list[Example], data: TrainingData, *, with_text: bool) -> TrainingBatch:
    """Examples, all with or all without an image, as a batch of tensors."""
    encode: Callable[[str], list[int]] = data.tokenizer.encode
    splits = [split_ids(data.tokenizer.encode_prompt(e.prompt), encode(e.answer), END_ID) for e in examples]
    images = [e.image for e in examples if e.image is not None]
    return TrainingBatch(
        before=torch.tensor(splits[0][0]),
        after=pad([after for _, after, _ in splits], PADDING),
        labels=pad([labels for _, _, labels in splits], IGNORE),
        vision=data.vision[images].float() if images else None,
        text=data.text_features([e.instruction for e in examples]) if images and with_text else None,
    )
