"""The stages after CLIP: language (the LLM alone, on text), align (stage 1), tune (stage 2).

The paper trains alignment and projector on captions first, then both and the language model on instructions. It
starts from a pretrained language model, for which the language stage stands in here.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import LlamaForCausalLM

from emma_eval.mini.train.examples import (
    FAMILIES,
    SHORT,
    WITH_OPTIONS,
    Example,
    caption_example,
    letter_example,
    prompt_for,
    reading_example,
    text_example,
    world_example,
)
from emma_eval.mini.train.features import TextFeatureCache
from emma_eval.mini.train.loop import Schedule, StepResult, fit
from emma_eval.mini.train.model import IGNORE, PADDING, TrainableVLM, TrainingBatch, pad, split_ids, text_loss
from emma_eval.mini.world import FIRST_TRAINING_SEED, MAX_THINGS, Scene
from emma_eval.models.llama.tokenizer import LlamaTokenizer

BATCH = 64
LANGUAGE_BATCH = 48  # many small steps: what is learnt suddenly, such as to name an option, is learnt sooner
LETTERS_FIRST = 600  # steps on letters alone
END_ID = 2
BLURRED = 0.2  # share of the examples for which a blurred image may be drawn
# The kinds of batches in turn. Prompts of a batch are about as long as each other: no time goes into padding.
CYCLE = (
    "easy",
    "short",
    "options",
    "letter",
    "short",
    "short",
    "options",
    "caption",
    "short",
    "options",
    "text",
    "short",
)
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
    vision: Tensor  # (images, 1 + N, Dv) float16
    text_features: TextFeatureCache
    tokenizers: Mapping[str, LlamaTokenizer]  # by family

    @cached_property
    def scenes_by_count(self) -> dict[int, list[int]]:
        """Number of things -> indices of the scenes with that many; 0 -> the blurred scenes."""
        indices: dict[int, list[int]] = {}
        for index, scene in enumerate(self.scenes):
            indices.setdefault(0 if scene.blurred else len(scene.things), []).append(index)
        return indices


def learn_language(llama: LlamaForCausalLM, data: TrainingData, steps: int, folder: Path) -> None:
    """The LLM alone, on questions whose hint holds the answer: look up in text, choose a letter, both at once.

    The wordings and templates of both families take turns, since all models start from it.

    On reading examples the loss is over every token, not the answer alone: repeated names teach to copy from context.
    """

    def loss_of(step: int) -> StepResult:
        rng = random.Random(FIRST_TRAINING_SEED + step)
        make = letter_example if step < LETTERS_FIRST else READING[step % len(READING)]
        examples = [make(rng) for _ in range(LANGUAGE_BATCH)]
        batch = collate(examples, data, FAMILIES[step // len(READING) % 2])
        with torch.autocast("cpu", torch.bfloat16):
            loss, correct = text_loss(llama, batch, every_token=make is reading_example)
        return loss, _by_name(examples, correct)

    fit("language", llama, loss_of, Schedule(steps, 1.5e-3, hold=1.0), folder)


def align(vlm: TrainableVLM, data: TrainingData, steps: int, folder: Path, seed: int) -> None:
    """Stage 1: train the connector on captions, the LLM frozen."""
    connector = nn.ModuleList([part for part in (vlm.projector, vlm.alignment) if part is not None])
    vlm.llama.requires_grad_(False)

    def loss_of(step: int) -> StepResult:
        rng = _generator(seed, step)
        return _loss(vlm, data, _captions(rng, data, 3))

    fit(f"{vlm.kind}-{seed}-align", connector, loss_of, Schedule(steps, 2e-3), folder)
    vlm.llama.requires_grad_(True)


def tune(vlm: TrainableVLM, data: TrainingData, schedule: Schedule, folder: Path, seed: int) -> None:
    """Stage 2: train everything but the towers on questions of the eight benchmarks and easy-VQA."""

    def loss_of(step: int) -> StepResult:
        rng = _generator(seed, step)
        max_things = max_things_at(step / schedule.steps)
        return _loss(vlm, data, _draw_examples(rng, step, data, max_things))

    fit(f"{vlm.kind}-{seed}-tune", vlm, loss_of, schedule, folder)


def max_things_at(progress: float) -> int:
    """The curriculum: the most things in a scene at this share of the steps."""
    return next((things for end, things in ((0.1, 1), (0.25, 2), (0.4, 4)) if progress < end), MAX_THINGS)


def _generator(seed: int, step: int) -> random.Random:
    """Every step of every seed draws its batch from a generator of its own."""
    return random.Random(f"{seed} {step}")


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
    tasks, blurred = (SHORT, BLURRED) if kind == "short" else (WITH_OPTIONS, 0.0)
    indices = [_draw_scene(rng, data, int(rng.random() >= blurred), max_things) for _ in range(BATCH)]
    return [world_example(rng, k, data.scenes[k], tasks) for k in indices]


def _captions(rng: random.Random, data: TrainingData, max_things: int) -> list[Example]:
    indices = [_draw_scene(rng, data, 1, max_things) for _ in range(BATCH)]
    return [caption_example(k, data.scenes[k]) for k in indices]


def _draw_scene(rng: random.Random, data: TrainingData, min_things: int, max_things: int) -> int:
    return rng.choice(data.scenes_by_count[rng.randint(min_things, max_things)])


def _loss(vlm: TrainableVLM, data: TrainingData, examples: list[Example]) -> StepResult:
    batch = collate(examples, data, vlm.family, with_text=vlm.alignment is not None)
    with torch.autocast("cpu", torch.bfloat16):
        loss, correct = vlm.loss(batch)
    return loss, _by_name(examples, correct)


def _by_name(examples: list[Example], correct: Tensor) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {}
    for example, is_correct in zip(examples, correct.tolist(), strict=True):
        values.setdefault(example.name or example.task, []).append(is_correct)
    return values


def collate(examples: list[Example], data: TrainingData, family: str, *, with_text: bool = False) -> TrainingBatch:
    """Examples, all with or all without an image, as a batch of tensors, worded as a family's."""
    tokenizer = data.tokenizers[family]
    prompts = [prompt_for(example, family) for example in examples]
    splits = [
        split_ids(tokenizer.encode_prompt(prompt.text), tokenizer.encode(example.answer), END_ID)
        for prompt, example in zip(prompts, examples, strict=True)
    ]
    images = [e.image for e in examples if e.image is not None]
    return TrainingBatch(
        before=torch.tensor(splits[0][0]),
        after=pad([after for _, after, _ in splits], PADDING),
        labels=pad([labels for _, _, labels in splits], IGNORE),
        vision=data.vision[images].float() if images else None,
        text=data.text_features([prompt.instruction for prompt in prompts]) if images and with_text else None,
    )
