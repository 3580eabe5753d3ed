"""Training examples: an Item asked exactly as a benchmark's task asks it, with the answer that its scorer wants."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache

from emma_eval.data.readers.easy_vqa import installed_data
from emma_eval.images.sources import ImageBytes
from emma_eval.mini import items
from emma_eval.mini.items import OWNERS, Item
from emma_eval.mini.questions import COUNTS, PLACES, all_names
from emma_eval.mini.world import COLORS, SHAPES, Scene, random_scene
from emma_eval.models.checkpoints.templates import render_prompt
from emma_eval.prompts.building import build_requests
from emma_eval.tasks.config import TaskConfig
from emma_eval.tasks.loading import load_task
from emma_eval.types import Sample

_SPOKEN = {"Yes": "yes", "No": "no"}  # MME writes them with a capital
PLACEHOLDER = ImageBytes("training image", bytes)


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt, its instruction and the answer; `image` is an index into the training images, None without one."""

    prompt: str
    instruction: str
    answer: str
    image: int | None
    task: str


# Which task's prompt each kind of item is asked with, and how often the kinds are drawn.
MAKERS: dict[str, tuple[Callable[[random.Random, Scene], Item], float]] = {
    "vqav2": (items.vqa, 2.0),
    "gqa": (items.gqa, 3.0),
    "scienceqa": (items.scienceqa, 1.5),
    "mmbench_en": (items.choice, 5.0),
    "mme": (items.mme, 2.0),
    "pope": (items.pope, 2.0),
    "vizwiz": (items.vizwiz, 1.0),
}


def world_example(rng: random.Random, image: int, scene: Scene) -> Example:
    """A question about a training scene, in the manner of a benchmark drawn by weight; a blurred one is VizWiz's."""
    task = "vizwiz"
    if not scene.blurred:
        task = rng.choices(list(MAKERS), [weight for _, weight in MAKERS.values()])[0]
    return as_example(task, MAKERS[task][0](rng, scene), image)


def text_example(rng: random.Random) -> Example:
    """A question that the hint answers, without an image but with options."""
    return replace(as_example("scienceqa", items.scienceqa_text(rng), None), task="text")


def letter_example(rng: random.Random) -> Example:
    """Practice in naming an option by its letter, where the question itself says which one."""
    values = rng.choice((tuple(COLORS), SHAPES, PLACES, COUNTS, OWNERS, tuple(all_names())))
    options = tuple(rng.sample(values, rng.randint(2, 4)))
    answer = rng.choice(options)
    return as_example("seed", Item(f"Which option is {answer}?", answer, options), None)


def reading_example(rng: random.Random) -> Example:
    """Reading practice for the language model alone: about belongings, or about a scene that is told in words."""
    if rng.random() < 0.5:
        item = items.scienceqa_text(rng)
    else:
        scene = random_scene(rng, rng.randint(1, 3))
        item = rng.choice((items.vqa, items.gqa, items.choice, _caption))(rng, scene)
        told = " ".join(f"{thing.size} {thing.name} {thing.place}." for thing in scene.things)
        item = replace(item, hint=told)
    if rng.random() < 0.5:
        item = replace(item, options=())
    return as_example("scienceqa" if item.options else "plain", item, None)


def caption_example(image: int, scene: Scene) -> Example:
    """The request for a caption, which stage 1 trains on."""
    return as_example("plain", items.caption(scene), image)


def as_example(task: str, item: Item, image: int | None) -> Example:
    """An item as the task's prompt has it; the answer is a letter where there are options."""
    images = () if image is None else (PLACEHOLDER,)
    sample = Sample("0", item.question, images, options=item.options, hint=item.hint)
    request = next(build_requests(_task(task), [sample]))
    answer = item.letter if item.options else _SPOKEN.get(item.answer, item.answer)
    return Example(render_prompt(request.message), request.instruction, answer, image, task)


def easy_questions(split: str) -> Iterator[tuple[str, str, int]]:
    """(question, answer, image number) of easy-VQA's split."""
    yield from map(tuple, json.loads((installed_data(split) / "questions.json").read_text()))


def easy_examples(first_image: dict[int, int]) -> list[Example]:
    """easy-VQA's train split; `first_image` maps its image numbers to indices of the training images."""
    return [
        as_example("easy_vqa", Item(question, answer), first_image[number])
        for question, answer, number in easy_questions("train")
    ]


def sample_texts(scenes: Sequence[Scene], rng: random.Random) -> Iterator[str]:
    """Prompts with their answers, to learn a tokenizer from."""
    for number, scene in enumerate(scenes):
        for example in (world_example(rng, number, scene), text_example(rng), caption_example(number, scene)):
            yield f"{example.prompt} {example.answer}"


def _caption(_: random.Random, scene: Scene) -> Item:
    return items.caption(scene)


@cache
def _task(name: str) -> TaskConfig:
    if name == "plain":  # no suffix, no options: the question alone, after its hint
        task = load_task("scienceqa")
        return task.model_copy(update={"prompt": task.prompt.model_copy(update={"suffix": "", "option": ""})})
    return load_task(name)
