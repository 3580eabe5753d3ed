"""What tests of several rooms share: images, requests, samples, tiny tasks on disk, a fake model, hand-made scores."""

from __future__ import annotations

import json
import zlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from emma_eval.cli.main import main
from emma_eval.errors import SampleError
from emma_eval.inference.engine import EngineDescription
from emma_eval.models import ModelHandle
from emma_eval.models.base import ModelSpec
from emma_eval.models.checkpoints.templates import render_prompt, template_digest
from emma_eval.reports.shipped_tasks import shipped_task
from emma_eval.results.manifest import TaskFacts
from emma_eval.results.sample_statistics import TaskStatistics, from_record, to_record
from emma_eval.results.scores import (
    BaselineRecord,
    Counts,
    EvaluationSetup,
    MetricRecord,
    ModelRecord,
    ScoredRun,
    ScoresFile,
    TaskScores,
)
from emma_eval.runs.progress import PlainProgress
from emma_eval.runs.runner import RunResult, run_evaluation
from emma_eval.runs.settings import RunSettings
from emma_eval.scorers import get_scorer
from emma_eval.tasks.digest import task_digest
from emma_eval.types import Answer, Failure, Generation, InferenceStats, Request, Sample, Scores
from tests.tiny_datasets import save_image

if TYPE_CHECKING:
    from torch import Tensor

    from emma_eval.models.llama.generation import DecodeState
    from emma_eval.models.multimodal.runner import ModelRunner

PROMPT = "A chat. USER: <image>\nWhat is on the left?\nAnswer in a word. ASSISTANT:"
QUESTION = "What is on the left?"


def make_image(width: int = 50, height: int = 30, seed: int = 0) -> Image.Image:
    """An image of random coloured squares; another for every seed."""
    levels = np.random.default_rng(seed).integers(0, 256, (height // 5, width // 5, 3), dtype=np.uint8)
    return Image.fromarray(levels).resize((width, height))


@dataclass(frozen=True, eq=False)
class LoadedImage:
    """An image source whose image is in memory."""

    image: Image.Image
    label: str = "an image"

    def open(self) -> Image.Image:
        return self.image


def request(prompt: str = PROMPT, *images: Image.Image, instruction: str = QUESTION, limit: int = 8) -> Request:
    """A request with these images; `limit` is the number of new tokens."""
    return Request("1", 0, prompt, instruction, tuple(map(LoadedImage, images)), limit)


def first_token_logits(model: ModelRunner, requests: Sequence[Request]) -> tuple[Tensor, DecodeState]:
    """The logits of each request's first new token, (P, V), every request in a row of its own."""
    prompts = [model.tokenize(request) for request in requests]
    images = {image: model.preprocess_image(image) for prompt in prompts for image in prompt.images}
    return model.prefill([row for prompt in prompts for row in model.collate([prompt])], images)


def sample(id_="1", references="yes", /, **fields):
    """`references` is one answer or a tuple of them; other keywords are Sample fields or, if unknown, meta entries."""
    references = references if isinstance(references, tuple) else (references,)
    own = {name: fields.pop(name) for name in ("question", "options", "hint", "category") if name in fields}
    return Sample(id_, own.pop("question", "?"), references=references, meta=fields, **own)


POPE_CATEGORIES = ("random", "popular", "adversarial")
QUESTIONS_PER_CATEGORY = 4
REQUESTS = 12


def write_pope(root: Path) -> None:
    """Twelve questions on two images, the references alternating yes and no."""
    images, annotations = root / "pope" / "val2014", root / "pope" / "coco"
    images.mkdir(parents=True)
    annotations.mkdir()
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (8, 8), "red").save(images / name)
    for category in POPE_CATEGORIES:
        rows = [
            {
                "question_id": i + 1,
                "image": "ab"[i % 2] + ".jpg",
                "text": f"Is there a {category} cat {i}?",
                "label": ("yes", "no")[i % 2],
            }
            for i in range(QUESTIONS_PER_CATEGORY)
        ]
        path = annotations / f"coco_pope_{category}.json"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def pope_settings(root: Path, source: str = "fake", **changes: object) -> RunSettings:
    """Settings for POPE alone; its files hold fewer questions than the benchmark's, hence allow_partial."""
    base = RunSettings(model=ModelSpec(source), tasks=("pope",), suite="pope", data=root, allow_partial=True)
    return replace(base, **changes)  # type: ignore[arg-type]


class FakeHandle(ModelHandle):
    """The handle of a model under any name, which loads the given engine."""

    def __init__(self, engine: object, name: str = "fake", weights: str = "w" * 64) -> None:
        super().__init__(ModelSpec(name))
        self.engine, self.weights = engine, weights

    @property
    def deciding_options(self) -> None:
        return None

    def fingerprint(self) -> str:
        return self.weights

    def config_digest(self) -> str:
        return "c" * 64

    def load(self) -> object:
        return self.engine


def fake_answer(request: Request) -> str:
    """What FakeEngine answers: yes or no, by the prompt's checksum."""
    return ("Yes", "No")[zlib.crc32(render_prompt(request.message).encode()) % 2]


class FakeEngine:
    """Answers by `fake_answer`; records its requests, and can raise `error` after some of them."""

    def __init__(self, *, stop_after: int | None = None, error: BaseException | None = None) -> None:
        self.requests: list[Request] = []
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
            if self.stop_after is not None and len(self.requests) == self.stop_after:
                raise self.error
            self.requests.append(request)
            yield index, self.respond(request)

    def respond(self, request: Request) -> Generation | Failure:
        prompt = render_prompt(request.message)
        try:
            for image in request.images:
                image.open()
        except SampleError as error:
            return Failure(str(error), prompt)
        return Generation(fake_answer(request), (1, 2), "stop", prompt=prompt, seconds=0.25, prompt_cut=False)


def run_pope(root: Path, folder: Path, engine: FakeEngine | None = None, **changes: object) -> RunResult:
    """Evaluate a fake engine on the files of `write_pope`."""
    return run_evaluation(pope_settings(root, **changes), folder, PlainProgress(), FakeHandle(engine or FakeEngine()))


QUIZ_TASK = """\
title: Quiz
benchmark: quiz
split: all
reader: table
files: {rows: rows.jsonl, images: img}
columns: {id: id, question: q, images: image, answer: a}
prompt: {suffix: Answer.%s}
metric: accuracy
protocols: {official: {scorer: exact}}
expected: {samples: %d}
"""


def write_quiz(root: Path, rows: list[dict], prompt: str = "", expected: int | None = None) -> list[str]:
    """Write a task of rows of `quiz_row` and its data; returns the options with which a command finds them."""
    (root / "tasks").mkdir(parents=True, exist_ok=True)
    (root / "tasks/quiz.yaml").write_text(QUIZ_TASK % (prompt, expected or len(rows)))
    save_image(root / "data/img/a.png", 1)
    (root / "data/rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ["--task-dir", str(root / "tasks"), "--data", str(root / "data")]


def quiz_row(number: int, image: object = "a.png", question: str = "What colour?") -> dict:
    return {"id": str(number), "q": question, "image": image, "a": "red"}


def command_output(capsys, argv: list[str], code: int) -> str:
    """What a command prints to stdout and stderr; it must exit with `code` and print no traceback."""
    assert main(argv) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert " at 0x" not in out + err
    return out + err


def metric(name: str, value: float, unit: str = "percent", group: str = "", category: str = "") -> MetricRecord:
    return MetricRecord(name=name, value=value, n=100, unit=unit, group=group, category=category)  # type: ignore[arg-type]


def evaluation_setup(name: str = "", protocol: str = "official", **changes: str) -> EvaluationSetup:
    """The setup that a run of the shipped task records; of another task, invented digests."""
    shipped = shipped_task(name) if name else None
    config = task_digest(shipped, protocol) if shipped and protocol in shipped.protocols else "c" * 64
    return EvaluationSetup(config=config, reference_digest="7" * 64, template="vicuna_v1", prompts="9" * 64).model_copy(
        update=changes
    )


def task_scores(name: str, split: str, *metrics: MetricRecord, **changes: object) -> TaskScores:
    """Scores of a complete run: a shipped task with its own setup and sample count, another with 100 samples."""
    shipped = shipped_task(name)
    samples = next(iter(shipped.expected.samples), 100) if shipped else 100
    scores = TaskScores(
        name=name,
        title=name.upper(),
        benchmark=name,
        split=split,
        protocol="official",
        metric=metrics[0].name,
        complete=True,
        setup=evaluation_setup(name, str(changes.get("protocol", "official"))),
        counts=Counts(samples=samples, answered=samples, failed=0, missing=0),
        mean_score=0.75,
        metrics=metrics,
    )
    return scores.model_copy(update=changes)


def scores_file(*tasks: TaskScores, name: str = "my-emma", weights: str = "abc", dtype: str = "float16") -> ScoresFile:
    return ScoresFile(model=ModelRecord(name=name, weights=weights, dtype=dtype), tasks=tasks)


def scored_run(*tasks: TaskScores, folder: str = "run", **model: str) -> ScoredRun:
    """These scores as a run in a folder."""
    return ScoredRun(Path(folder), scores_file(*tasks, **model))


def mini_scores(name: str, value: float, **changes: object) -> TaskScores:
    baseline = BaselineRecord(answer="yes", mean_score=0.5, better=30, worse=3, p_value=7e-7)
    return task_scores(
        name, "mini", metric("accuracy", value), mini=True, baseline=baseline, mean_score=value / 100, **changes
    )


SCORED_QUESTIONS = 40


def pope_scores(wrong: set[int], questions: int = SCORED_QUESTIONS) -> Scores:
    """POPE scores of `questions` samples, two on each image; the indices in `wrong` are answered wrongly."""
    samples = [
        sample(str(i), ("yes", "no")[i % 2], category=("random", "popular")[i // 2 % 2], image=f"{i // 2}.jpg")
        for i in range(questions)
    ]
    texts = [
        one.references[0] if i not in wrong else {"yes": "no", "no": "yes"}[one.references[0]]
        for i, one in enumerate(samples)
    ]
    return get_scorer("pope")(samples, {(one.id, 0): Answer(t) for one, t in zip(samples, texts, strict=True)})


def task_statistics(
    wrong: set[int] = frozenset(), questions: int = SCORED_QUESTIONS, task: str = "pope", **facts: str
) -> TaskStatistics:
    """The statistics of these scores; `facts` are fields of the record."""
    return statistics_of_scores(pope_scores(set(wrong), questions), task, "f1", **facts)


def statistics_of_scores(scores: Scores, task: str, metric: str, **facts: str) -> TaskStatistics:
    """The statistics of a task's scores."""
    scored = task_scores(task, "test", MetricRecord(name=metric, value=0.0, n=1, unit="percent"), metrics=())
    about = TaskFacts(config="c", protocol="official", data={}, reference_digest="t", samples=len(scores.samples))
    record = to_record(scored, about, scores).model_copy(update=facts)
    found = from_record(record, Path("run"))
    return replace(found, record=record)
