"""Finished runs to report on, in GQA's layout, with the questions and answers that a test wants."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from emma_eval.models.checkpoints.templates import render_prompt
from emma_eval.runs.progress import PlainProgress
from emma_eval.runs.runner import run_evaluation
from emma_eval.types import Failure, Generation, Request
from tests.fakes import FakeEngine, FakeHandle, pope_settings

COUNT = 48  # questions of the report that most tests read
IMAGES = 4  # questions that share one
CATEGORIES = ("verify", "query")

# Each would set `attacked`, break the page or vanish, were it not shown as the text it is.
ATTACKS = (
    "<script>window.attacked = 1</script>",
    "</script><script>window.attacked = 2</script>",
    "<img src=x onerror='window.attacked = 3'>",
    "\"'><svg onload=window.attacked=4>",
    "\u2028window.attacked = 5\u2029//",
    "<!--<script>",
    "]]></style><iframe srcdoc='<script>parent.attacked = 6</script>'>",
    "{{ 6 * 7 }} &lt;b&gt; \\u003c",
)


def reference(number: int) -> str:
    return ("yes", "no", "red", "blue")[number % 4]


def question(number: int) -> str:
    return f"What is shown at place {number}?"


def category(number: int) -> str:
    return CATEGORIES[number // 2 % 2]


def alpha(number: int) -> str | None:
    """Right, but for every sixth question, which fails."""
    return None if number % 6 == 5 else reference(number)


def beta(number: int) -> str:
    """Right on questions of yes and no alone."""
    return reference(number) if reference(number) in ("yes", "no") else "green"


def write_gqa(
    root: Path,
    count: int,
    question: Callable[[int], str] = question,
    category: Callable[[int], str] = category,
) -> None:
    """`count` questions with a red image for every IMAGES of them."""
    images = root / "gqa" / "data" / "images"
    images.mkdir(parents=True)
    for number in range(0, count, IMAGES):
        Image.new("RGB", (40, 30), "red").save(images / f"n{number // IMAGES}.jpg")
    questions = {
        str(number): {
            "question": question(number),
            "answer": reference(number),
            "imageId": f"n{number // IMAGES}",
            "types": {"structural": category(number), "semantic": "attr", "detailed": "attr"},
            "semantic": [{"operation": "select", "argument": "", "dependencies": []}],
            "groups": {"global": None, "local": None},
            "entailed": [],
            "isBalanced": True,
        }
        for number in range(count)
    }
    path = root / "gqa" / "data" / "testdev_balanced_questions.json"
    path.write_text(json.dumps(questions), encoding="utf-8")


class Scripted(FakeEngine):
    """Answers by the question's number; None is a failure."""

    def __init__(self, answer: Callable[[int], str | None]) -> None:
        super().__init__()
        self.answer = answer

    def respond(self, request: Request) -> Generation | Failure:
        text = self.answer(int(request.sample_id))
        seconds = 0.01 * (1 + len(request.sample_id))
        if text is None:
            return Failure("the image is <b>broken</b>", render_prompt(request.message), seconds)
        return Generation(text, (0,) * (1 + len(text) // 4), prompt=render_prompt(request.message), seconds=seconds)


def write_run(root: Path, folder: Path, name: str, answer: Callable[[int], str | None]) -> Path:
    """A finished run of GQA by a model of that name."""
    chosen = pope_settings(root, name, tasks=("gqa",), suite="gqa")
    run_evaluation(chosen, folder, PlainProgress(), FakeHandle(Scripted(answer), name))
    return folder
