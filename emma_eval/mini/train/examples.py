"""Training examples: items of benchmarks, with the exact prompt of the benchmark's task for a family of models."""

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
from emma_eval.models.checkpoints.templates import render_for_family
from emma_eval.prompts.building import build_requests
from emma_eval.tasks.config import TaskConfig
from emma_eval.tasks.loading import load_task
from emma_eval.types import Sample

FAMILIES = ("emma", "mplug_owl2")  # whose wordings and templates the models are trained in
_LOWERCASE = {"Yes": "yes", "No": "no"}  # MME capitalises its answers
PLACEHOLDER = ImageBytes("training image", bytes)


@dataclass(frozen=True, slots=True)
class Example:
    """A question in the form of a task; `image` is an index into the training images, None without one."""

    task: str
    item: Item
    image: int | None
    name: str = ""  # under which its accuracy is reported, the task's without one

    @property
    def answer(self) -> str:
        """What the scorer expects: a letter if there are options."""
        return self.item.letter if self.item.options else _LOWERCASE.get(self.item.answer, self.item.answer)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model of one family is given: the prompt in its template, and the instruction."""

    text: str
    instruction: str


def prompt_for(example: Example, family: str) -> Prompt:
    """The prompt of the example's task as `family` words it (`emma`, `mplug_owl2`)."""
    item = example.item
    images = () if example.image is None else (PLACEHOLDER,)
    sample = Sample("0", item.question, images, options=item.options, hint=item.hint)
    request = next(build_requests(_task(example.task, family), [sample]))
    return Prompt(render_for_family(request.message, family), request.instruction)


# For each task: the function that makes its items, and its weight in the mixture.
MAKERS: dict[str, tuple[Callable[[random.Random, Scene], Item], float]] = {
    "vqav2": (items.vqa, 2.0),
    "gqa": (items.gqa, 3.0),
    "scienceqa": (items.scienceqa, 1.5),
    "mmbench_en": (items.choice, 5.0),
    "mme": (items.mme, 2.0),
    "pope": (items.pope, 2.0),
    "vizwiz": (items.vizwiz, 1.0),
}


WITH_OPTIONS = ("scienceqa", "mmbench_en")  # their prompts are twice as long as the others'
SHORT = tuple(task for task in MAKERS if task not in WITH_OPTIONS)


def world_example(rng: random.Random, image: int, scene: Scene, tasks: Sequence[str] = tuple(MAKERS)) -> Example:
    """A question about a training scene, of a task drawn by weight; of VizWiz if the scene is blurred."""
    task, item = draw_item(rng, scene, tasks)
    return Example(task, item, image)


def draw_item(rng: random.Random, scene: Scene, tasks: Sequence[str] = tuple(MAKERS)) -> tuple[str, Item]:
    """A task drawn by weight, VizWiz if the scene is blurred, and one of its questions about the scene."""
    task = "vizwiz"
    if not scene.blurred:
        task = rng.choices(tasks, [MAKERS[task][1] for task in tasks])[0]
    return task, MAKERS[task][0](rng, scene)


def text_example(rng: random.Random) -> Example:
    """A question without an image, with options: what everybody knows, or what the hint says."""
    item = items.scienceqa_text(rng)
    return Example("scienceqa", item, None, "told" if item.hint else "known")


def letter_example(rng: random.Random) -> Example:
    """A question whose answer is an option's letter and which names the option itself."""
    values = rng.choice((tuple(COLORS), SHAPES, PLACES, COUNTS, OWNERS, tuple(all_names())))
    options = tuple(rng.sample(values, rng.randint(2, 4)))
    answer = rng.choice(options)
    return Example("seed", Item(f"Which option is {answer}?", answer, options), None, "letter")


def reading_example(rng: random.Random) -> Example:
    """A text-only question: about belongings, or about a scene that the hint describes in words."""
    if rng.random() < 0.5:
        item = items.belongings(rng)
    else:
        scene = random_scene(rng, rng.randint(1, 3))
        item = rng.choice((items.vqa, items.gqa, items.choice, _caption))(rng, scene)
        description = " ".join(f"{thing.size} {thing.name} {thing.place}." for thing in scene.things)
        item = replace(item, hint=description)
    if rng.random() < 0.5:
        item = replace(item, options=())
    return Example("scienceqa" if item.options else "plain", item, None, "reading")


def caption_example(image: int, scene: Scene) -> Example:
    """A request for a caption, for stage 1."""
    return Example("plain", items.caption(scene), image, "caption")


def easy_questions(split: str) -> Iterator[tuple[str, str, int]]:
    """(question, answer, image number) of each question of an easy-VQA split."""
    yield from map(tuple, json.loads((installed_data(split) / "questions.json").read_text()))


def easy_examples(image_indices: dict[int, int]) -> list[Example]:
    """easy-VQA's train split; `image_indices` maps its image numbers to indices of the training images."""
    return [
        Example("easy_vqa", Item(question, answer), image_indices[number])
        for question, answer, number in easy_questions("train")
    ]


def sample_texts(scenes: Sequence[Scene], rng: random.Random) -> Iterator[str]:
    """Prompts with their answers, to train the tokenizer on."""
    for index, scene in enumerate(scenes):
        for example in (world_example(rng, index, scene), text_example(rng), caption_example(index, scene)):
            for family in FAMILIES:
                yield f"{prompt_for(example, family).text} {example.answer}"


def _caption(_: random.Random, scene: Scene) -> Item:
    return items.caption(scene)


@cache
def _task(name: str, family: str) -> TaskConfig:
    if name == "plain":  # no suffix and no options: the hint and the question
        task = _task("scienceqa", family)
        return task.model_copy(update={"prompt": task.prompt.model_copy(update={"suffix": "", "option": ""})})
    task = load_task(name)
    return task.with_wording(task.wording_for(family))
