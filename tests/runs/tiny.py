"""A run small enough to read: POPE's layout with twelve questions, and a model that answers from the prompt."""

from __future__ import annotations

import json
import zlib
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image

from emma_eval.errors import SampleError
from emma_eval.inference.engine import EngineDescription
from emma_eval.models import ModelHandle
from emma_eval.models.base import ModelSpec
from emma_eval.models.checkpoints.templates import render_prompt, template_digest
from emma_eval.runs.progress import PlainProgress
from emma_eval.runs.runner import Result, run_evaluation
from emma_eval.runs.settings import RunSettings
from emma_eval.types import Failure, Generation, InferenceStats, Request

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


def settings(root: Path, source: str = "fake", **changes: object) -> RunSettings:
    """Settings for POPE alone; its files hold fewer questions than the benchmark's, hence allow_partial."""
    base = RunSettings(model=ModelSpec(source), tasks=("pope",), suite="pope", data=root, allow_partial=True)
    return replace(base, **changes)  # type: ignore[arg-type]


class FakeHandle(ModelHandle):
    """A model that is found whatever its name; loaded, it is the engine given."""

    def __init__(self, engine: object, name: str = "fake", weights: str = "w" * 64) -> None:
        super().__init__(ModelSpec(name))
        self.engine, self.weights = engine, weights

    def fingerprint(self) -> str:
        return self.weights

    def config_digest(self) -> str:
        return "c" * 64

    def load(self) -> object:
        return self.engine


def text_for(request: Request) -> str:
    """Yes or no, as the prompt's checksum has it."""
    return ("Yes", "No")[zlib.crc32(render_prompt(request.message).encode()) % 2]


class FakeEngine:
    """An engine that answers from the prompt; it counts what it is asked, and can break off."""

    def __init__(self, *, stop_after: int | None = None, error: BaseException | None = None) -> None:
        self.asked: list[Request] = []
        self.stop_after, self.error = stop_after, error or KeyboardInterrupt()

    def describe(self) -> EngineDescription:
        digest = template_digest("vicuna_v1")
        return EngineDescription(template="vicuna_v1", template_digest=digest, dtype="float32", device="cpu")

    def close(self) -> None:
        pass

    def generate(
        self, requests: Sequence[Request], stats: InferenceStats
    ) -> Generator[tuple[int, Generation | Failure]]:
        for index, request in enumerate(requests):
            if self.stop_after is not None and len(self.asked) == self.stop_after:
                raise self.error
            self.asked.append(request)
            yield index, self.respond(request)

    def respond(self, request: Request) -> Generation | Failure:
        prompt = render_prompt(request.message)
        try:
            for image in request.images:
                image.open()
        except SampleError as error:
            return Failure(str(error), prompt)
        return Generation(text_for(request), (1, 2), "stop", prompt=prompt, seconds=0.25, prompt_cut=False)


def run(root: Path, folder: Path, engine: FakeEngine | None = None, **changes: object) -> Result:
    """The evaluation of the tiny task by a fake engine."""
    return run_evaluation(settings(root, **changes), folder, PlainProgress(), FakeHandle(engine or FakeEngine()))
