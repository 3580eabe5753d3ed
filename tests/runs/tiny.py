"""A run small enough to read: POPE's layout with twelve questions, and a model that answers from the prompt."""

from __future__ import annotations

import json
import zlib
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from emma_eval.errors import SampleError
from emma_eval.models.checkpoints.templates import render_prompt
from emma_eval.results.manifest import ModelFacts
from emma_eval.runs.model_source import ModelSource
from emma_eval.runs.progress import PlainProgress
from emma_eval.runs.runner import Result, execute
from emma_eval.runs.settings import RunSettings
from emma_eval.types import Request, Response

CATEGORIES = ("random", "popular", "adversarial")
QUESTIONS = 4  # a category
REQUESTS = 12


def write_pope(root: Path) -> None:
    """Twelve questions on two images, the truth alternating yes and no."""
    images, annotations = root / "pope" / "val2014", root / "pope" / "coco"
    images.mkdir(parents=True)
    annotations.mkdir()
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (8, 8), "red").save(images / name)
    for category in CATEGORIES:
        rows = [
            {
                "question_id": i + 1,
                "image": "ab"[i % 2] + ".jpg",
                "text": f"Is there a {category} cat {i}?",
                "label": ("yes", "no")[i % 2],
            }
            for i in range(QUESTIONS)
        ]
        path = annotations / f"coco_pope_{category}.json"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def settings(root: Path, **changes: object) -> RunSettings:
    """Settings for POPE alone; its files hold fewer questions than the benchmark's, hence allow_partial."""
    base = RunSettings(model="fake", tasks=("pope",), suite="pope", data=root, allow_partial=True)
    return replace(base, **changes)  # type: ignore[arg-type]


class FakeModel:
    """A model in name: `answer` below does its work."""

    template = "vicuna_v1"
    device = "cpu"
    dtype = "torch.float32"


def source(weights: str = "w" * 64) -> ModelSource:
    return ModelSource(lambda: ModelFacts(name="fake", source="fake", weights=weights, config="c" * 64), FakeModel)


def text_for(request: Request) -> str:
    """Yes or no, as the prompt's checksum has it."""
    return ("Yes", "No")[zlib.crc32(render_prompt(request.message).encode()) % 2]


class Answering:
    """Stands in for `inference.answer`; counts what it is asked, and can break off."""

    def __init__(self, *, stop_after: int | None = None, error: BaseException | None = None) -> None:
        self.asked: list[Request] = []
        self.stop_after, self.error = stop_after, error or KeyboardInterrupt()

    def __call__(
        self, model: object, requests: Sequence[Request], batch_size: object, usage: object
    ) -> Generator[tuple[int, Response]]:
        for number, request in enumerate(requests):
            if self.stop_after is not None and len(self.asked) == self.stop_after:
                raise self.error
            self.asked.append(request)
            yield number, self.respond(request)

    def respond(self, request: Request) -> Response:
        common = (request.sample_id, request.pass_index, render_prompt(request.message), request.instruction)
        try:
            for image in request.images:
                image.open()
        except SampleError as error:
            return Response(*common, text=None, tokens=0, seconds=0.0, error=str(error), finish_reason="error")
        return Response(*common, text=text_for(request), tokens=2, seconds=0.25, finish_reason="stop", prompt_cut=False)


def run(root: Path, folder: Path, answer: Answering | None = None, **changes: object) -> Result:
    """One call of `execute` on the tiny task."""
    return execute(settings(root, **changes), source(), folder, PlainProgress(), answer or Answering())
