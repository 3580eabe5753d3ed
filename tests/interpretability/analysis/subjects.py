"""Tiny models with questions about a few images, as a run would have answered them."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

from matplotlib import rc_context

from emma_eval.interpretability.analysis.section import AnalysisSection
from emma_eval.interpretability.analysis.subject import Item, Subject
from emma_eval.models import load_model
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.reports.figures import STYLE
from emma_eval.results.manifest import TaskFacts
from emma_eval.runs.plan import TaskPlan
from emma_eval.tasks.loading import load_task
from emma_eval.types import Request, Sample
from tests.fakes import LoadedImage, make_image
from tests.tiny_checkpoint import TinyCheckpoint

EMMA = TinyCheckpoint()
LLAVA = TinyCheckpoint(version=None, text_layer=None, text_feature=None, alignment=False)
IMAGES = [LoadedImage(make_image(seed=seed), f"{seed}.png") for seed in range(4)]
TASK = "easy_vqa"  # scored by equality with the one reference


def load(root: Any, tiny: Any = EMMA) -> ModelRunner[Any]:
    return load_model(str(tiny.write(root)), device="cpu")


def item(id_: str, image: int, question: str, reference: str, answer: str) -> Item:
    """An answered question; a right answer has the score 1."""
    source = IMAGES[image]
    sample = Sample(id_, question, (source,), (reference,))
    request = Request(id_, 0, f"<image>\n{question}\nAnswer in a word.", question, (source,), 4)
    return Item(TASK, sample, request, answer, float(answer == reference), f"{image}", None)


def questions(count: int = 3) -> list[Item]:
    """Two questions about each of some images, the first of each answered rightly."""
    return [
        item(f"{image}{letter}", image, question, reference, "red")
        for image in range(count)
        for letter, question, reference in (("a", "What colour is it?", "red"), ("b", "How many are there?", "two"))
    ]


def subject(runner: ModelRunner[Any], items: Sequence[Item], **fields: Any) -> Subject:
    """The model and these items of one task."""
    tokenize = runner.tokenize_instruction
    found = tuple(
        Item(
            one.task, one.sample, one.request, one.answer, one.score, one.cluster,
            tokenize(one.request.instruction) if tokenize else None,
        )
        for one in items
    )  # fmt: skip
    return Subject(runner, "tiny", (), found, 0, {TASK: plan(items)}, **fields)


def drawn(section: AnalysisSection) -> dict[str, bytes]:
    """Each figure of a section as a small PNG."""
    images = {}
    for figure in section.figures:
        images[figure.name] = BytesIO()
        with rc_context(STYLE):
            figure.draw().savefig(images[figure.name], dpi=40)
    return {name: image.getvalue() for name, image in images.items()}


def plan(items: Sequence[Item]) -> TaskPlan:
    """The task of the items, as a run plans it."""
    task = load_task(TASK)
    facts = TaskFacts(config="c", protocol=task.protocol, data={}, reference_digest="t", samples=len(items))
    return TaskPlan(task, task.protocol, [one.sample for one in items], True, facts)
