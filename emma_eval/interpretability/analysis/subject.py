"""What is analyzed: a loaded model, and samples of tasks with their answers, whose features come in batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from emma_eval.errors import SampleError, UserError, printable
from emma_eval.inference.engine import Engine
from emma_eval.models.emma.alignment import Alignment
from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.results.model_analysis import AnalyzedTask
from emma_eval.results.responses import log_path, read_responses
from emma_eval.results.sample_scores import read_sample_scores
from emma_eval.runs.plan import TaskPlan
from emma_eval.scorers.common import references_are_known
from emma_eval.types import ImageSource, Request, Sample
from emma_eval.utils.progress_bars import track

BATCH = 32  # samples
SHOWN = 3  # samples of a task that figures show where none are chosen


@dataclass(frozen=True, slots=True)
class Item:
    """A sample of one image, asked once: its request and what came of it in the run."""

    task: str
    sample: Sample
    request: Request  # the first pass of a circular evaluation
    answer: str  # the model's text
    score: float | None  # 0 to 1, as the task's scorer gives it; None where references are held back
    cluster: str  # samples of one cluster (an image) are resampled together
    instruction_ids: tuple[int, ...] | None  # (77,) of CLIP's text encoder; None: the model reads no instruction

    @property
    def image(self) -> ImageSource:
        """The sample's one image."""
        return self.request.images[0]

    @property
    def names(self) -> tuple[str, str]:
        """What `--show` may call it: its id, and TASK:ID where several tasks have one of that id."""
        return self.sample.id, f"{self.task}:{self.sample.id}"


@dataclass(frozen=True, slots=True)
class FeatureBatch:
    """Some items with the features that alignment reads and gives, on the model's device, in its type."""

    items: tuple[Item, ...]
    vision: Tensor  # V (B, N, Dv)
    text: Tensor | None  # E (B, T, Dv); None for a model without alignment
    aligned: Tensor  # (B, N, Dv); V itself for a model without alignment


@dataclass(frozen=True, slots=True)
class Subject:
    """The model and the items of all tasks, equal images of a task side by side."""

    runner: ModelRunner[EmmaModel]  # or of mPLUG-Owl2, for the sections that need no features
    name: str  # of the model, as tables call it
    tasks: tuple[AnalyzedTask, ...]
    items: tuple[Item, ...]
    seed: int  # of all that is drawn
    plans: Mapping[str, TaskPlan] = field(default_factory=dict)  # by task
    engine: Engine | None = None  # of the model, which knows what the run was answered; None: one that knows nothing
    shown: tuple[str, ...] = ()  # ids of samples that figures show; none: the first few of each task

    @property
    def model(self) -> EmmaModel:
        """The modules."""
        return self.runner.model

    @property
    def has_alignment(self) -> bool:
        """Whether the model is EMMA."""
        return isinstance(self.model, EmmaModel) and self.model.alignment is not None

    @property
    def alignment(self) -> Alignment:
        """The alignment module; sections that need one are not built for a model without."""
        assert self.model.alignment is not None
        return self.model.alignment

    @property
    def grid(self) -> tuple[int, int] | None:
        """Rows and columns of the patches that an image's tokens stand for; None if they are no square."""
        if not isinstance(self.model, EmmaModel):
            return None  # mPLUG-Owl2's visual tokens are learnt queries
        side = int(self.model.towers.num_patches**0.5)
        return (side, side) if side * side == self.model.num_image_tokens else None

    def batches(self) -> Iterator[FeatureBatch]:
        """The features of all items. Raises UserError where they are not finite."""
        for start in track(range(0, len(self.items), BATCH), -(-len(self.items) // BATCH), "features"):
            yield self._features(self.items[start : start + BATCH])

    @torch.inference_mode()
    def _features(self, items: Sequence[Item]) -> FeatureBatch:
        runner, model = self.runner, self.model
        images = runner.vision_cache.get_or_compute([item.image for item in items], self._encode_images)
        vision = torch.stack([images[item.image] for item in items])
        text = None
        if model.alignment is not None:
            ids = torch.tensor([item.instruction_ids for item in items], device=runner.device)
            text = model.encode_instructions(ids)
        aligned = model.align(vision, text)
        for item, features in zip(items, aligned, strict=True):
            if not torch.isfinite(features).all():
                raise UserError(
                    f"task {item.task}, sample {item.sample.id}: the features of its image are not finite in "
                    f"{runner.dtype}: try --dtype float32, or another copy of the checkpoint".replace("torch.", "")
                )
        return FeatureBatch(tuple(items), vision, text, aligned)

    def _encode_images(self, images: Sequence[ImageSource]) -> list[Tensor]:
        try:
            pixels = np.stack([self.runner.to_pixels(image) for image in images])
        except SampleError as error:  # it could be read when the run asked about it
            raise UserError(f"an image of the run can't be read any more: {error}") from error
        return list(self.model.encode_images(self.runner.normalize(torch.from_numpy(pixels).to(self.runner.device))))


def shown_items(subject: Subject) -> dict[str, list[int]]:
    """The items that figures show, by index: the chosen ones as `chosen samples`, else the first few of each task.

    Raises UserError for a chosen sample that is not analyzed.
    """
    if not subject.shown:
        indices: dict[str, list[int]] = {}
        for index, item in enumerate(subject.items):
            indices.setdefault(item.task, []).append(index)
        return {task: of_task[:SHOWN] for task, of_task in indices.items()}
    by_id = {name: index for index, item in enumerate(subject.items) for name in item.names}
    for name in subject.shown:
        if name not in by_id:
            raise UserError(f"--show {name} is not analyzed: it has several images, none, or no answer")
    return {"chosen samples": list(dict.fromkeys(by_id[name] for name in subject.shown))}


def named_question(item: Item) -> str:
    """The sample's task, id and question in one line, for figures."""
    return f"{item.task} {item.sample.id}: {one_text(item.sample.question)}"


def one_text(text: str) -> str:
    """A text in one line that a figure can show."""
    return printable(" ".join(text.split())) or "(empty)"


def items_of(plan: TaskPlan, runner: ModelRunner[EmmaModel], run: Path) -> tuple[AnalyzedTask, list[Item]]:
    """The items of a task that the run folder holds answers of, and how many samples were left out, and why.

    Raises UserError for a damaged run folder.
    """
    name, is_scored = plan.task.name, references_are_known(plan.samples)
    answers = {response.key: response.text for response in read_responses(log_path(run, name))}
    scores = {score.id: score for score in read_sample_scores(run, name)}
    first = {request.sample_id: request for request in reversed(plan.requests)}
    items: list[Item] = []
    left_out = Counter[str]()
    for sample in plan.samples:
        request, score = first[sample.id], scores[sample.id]
        answer = answers.get(request.key)
        if answer is None or len(request.images) != 1:
            left_out["no answer" if answer is None else "several images" if request.images else "no image"] += 1
            continue
        ids = runner.tokenize_instruction(request.instruction) if runner.tokenize_instruction else None
        cluster = f"{name} {score.cluster or sample.id}"
        items.append(Item(name, sample, request, answer, score.score if is_scored else None, cluster, ids))
    order = {image: number for number, image in enumerate(dict.fromkeys(item.image for item in items))}
    items.sort(key=lambda item: order[item.image])
    counted = AnalyzedTask(
        task=name, title=plan.task.title, samples=len(plan.samples), analyzed=len(items), left_out=dict(left_out)
    )
    return counted, items
