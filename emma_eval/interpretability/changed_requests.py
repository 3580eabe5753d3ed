"""What a variant asks in place of a task's own requests: ids and order are kept, instruction or images are others."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from emma_eval.errors import UserError
from emma_eval.interpretability.changed_images import BlankImage, blurred
from emma_eval.interpretability.variants import Variant
from emma_eval.models.checkpoints.templates import TEMPLATES
from emma_eval.prompts.building import build_requests
from emma_eval.tasks.config import TaskConfig
from emma_eval.types import IMAGE_MARKER, Request, Sample

T = TypeVar("T")

ROLES = re.compile(r"(USER:|###Human:|\[/?INST\]|<</?SYS>>)")


@dataclass(frozen=True, slots=True)
class VariantRequests:
    """Builds a task's requests as a variant has them. The same task, samples and variant give the same requests."""

    variant: Variant

    def __call__(self, task: TaskConfig, samples: Sequence[Sample], template: str) -> Iterable[Request]:
        """Raises UserError where `other` has nothing to choose from, and for a template without system text."""
        if self.variant.instruction == "whole":
            task = task.model_copy(update={"prompt": task.prompt.model_copy(update={"instruction": "full"})})
        requests = list(build_requests(task, samples))
        requests = self._with_instructions(task, requests, template)
        return self._with_images(task, requests)

    def _with_instructions(self, task: TaskConfig, requests: list[Request], template: str) -> list[Request]:
        change = self.variant.instruction
        if change == "empty":
            return [replace(request, instruction="") for request in requests]
        if change == "system":
            text = system_text(template)
            return [replace(request, instruction=text) for request in requests]
        if change == "other":
            texts = {request.instruction: request.instruction for request in requests}
            other = self._others(task, "instruction", texts)
            return [replace(request, instruction=other[request.instruction]) for request in requests]
        return requests

    def _with_images(self, task: TaskConfig, requests: list[Request]) -> list[Request]:
        change, radius = self.variant.image, self.variant.blur_radius
        if change == "none":
            return [without_images(request) for request in requests]
        if change == "blank":
            return [replace(one, images=tuple(BlankImage() for _ in one.images)) for one in requests]
        if radius is not None:
            return [replace(one, images=tuple(blurred(image, radius) for image in one.images)) for one in requests]
        if change == "other":
            images = {image.name: image for request in requests for image in request.images}
            other = self._others(task, "image", images)
            return [replace(one, images=tuple(other[image.name] for image in one.images)) for one in requests]
        return requests

    def _others(self, task: TaskConfig, what: str, items: Mapping[str, T]) -> dict[str, T]:
        """Another item for each, by a permutation that is drawn by the variant's seed, the task and what it is of."""
        if len(items) == 1:
            raise UserError(f"task {task.name}: all its questions have one {what}, so there is no other one to take")
        keys = list(items)
        places = derangement(len(keys), f"{self.variant.seed} {task.name} {what}")
        return {key: items[keys[place]] for key, place in zip(keys, places, strict=True)}


def derangement(count: int, seed: str) -> list[int]:
    """A permutation without a fixed point: one cycle through all, drawn evenly by Sattolo's algorithm (1986).

    Of one element there is none; of none it is empty.
    """
    draw: Callable[[int], int] = random.Random(seed).randrange
    places = list(range(count))
    for last in range(count - 1, 0, -1):
        chosen = draw(last)
        places[last], places[chosen] = places[chosen], places[last]
    return places


def without_images(request: Request) -> Request:
    """The request without images, and without the markers and the line ends behind them."""
    message = request.message.replace(f"{IMAGE_MARKER}\n", "").replace(IMAGE_MARKER, "")
    return replace(request, message=message, images=())


def system_text(template: str) -> str:
    """What a conversation template says before the user speaks. Raises UserError if it says nothing."""
    before = TEMPLATES.get(template, "").split("{message}")[0]
    text = " ".join(ROLES.sub(" ", before).split())
    if not text:
        raise UserError(f"the model's conversation template {template!r} has no system text to take as instruction")
    return text
