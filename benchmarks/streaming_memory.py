"""Peak host memory of a long run: as many questions as VQAv2 val has, real JPEGs, a model that always answers yes.

Two ways, each in its own process: `engine` streams requests through the engine; `run` is the whole command, from the
benchmark's files to scores. Prints the peak at each quarter, without the model's own memory; the bar is 2 GB.

    python benchmarks/streaming_memory.py [--questions N] [--output FILE]        (on Linux)
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
import benchmarks  # noqa: F401 - sets OpenMP's wait policy, which torch reads when it is imported

# isort: split
import torch

from benchmarks import random_model, score_vqav2, vqa_load
from benchmarks.recording import RESULTS, facts, print_table, write
from emma_eval.images.sources import ImageFile
from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.preparation import Outcome
from emma_eval.models import ModelHandle
from emma_eval.models.base import ModelSpec
from emma_eval.models.llama.memory import MAX_TOKENS
from emma_eval.models.multimodal.batching import TrieRow
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.prompts.building import build_message
from emma_eval.runs.progress import PlainProgress
from emma_eval.runs.runner import run_evaluation
from emma_eval.runs.settings import RunSettings
from emma_eval.types import Generation, InferenceStats, Request
from emma_eval.utils.environment import peak_host_memory

BAR = 2e9  # bytes beside the model
QUARTERS = (0.25, 0.5, 0.75, 1.0)
QUESTIONS_PER_IMAGE = 5  # questions, as in score_vqav2's files
FILES = 50  # JPEGs; every image is a link to one of them
SIZE = 160, 120


class YesRunner(ModelRunner):
    """EMMA without weights, with full-size images and batches: tokenizes and preprocesses, then answers "yes"."""

    max_batch_tokens = MAX_TOKENS

    def generate(self, rows: Sequence[TrieRow], images: Mapping[Any, Any]) -> list[list[Generation]]:
        """Answer every row with "yes"."""
        assert all(image.image in images for row in rows for image in row.trie.images)
        return [[Generation("yes", (0,)) for _ in row.indices] for row in rows]


@dataclass
class MemoryPeaks:
    """Peaks of a process's memory in bytes."""

    way: str
    questions: int
    model: int = 0  # after loading the model, before reading data
    first_answer: int = 0  # at the first answer
    quarters: dict[str, int] = field(default_factory=dict)
    end: int = 0

    @property
    def beside_model(self) -> int:
        """The peak without the model."""
        return self.end - self.model

    @property
    def growth(self) -> float:
        """Bytes per question, from 25% to 100% of the questions."""
        return (self.quarters["100%"] - self.quarters["25%"]) / (0.75 * self.questions)

    def watch(self, answers: Generator[Outcome]) -> Generator[Outcome]:
        """Hand on answers, noting the peaks."""
        marks = {round(part * self.questions): f"{part:.0%}" for part in QUARTERS}
        for done, one in enumerate(answers, 1):
            self.first_answer = self.first_answer or peak_host_memory()
            if done in marks:
                self.quarters[marks[done]] = peak_host_memory()
            yield one


def load() -> YesRunner:
    """The model. 336 pixels a side and 576 rows an image, as EMMA-7B has them."""
    shape = replace(random_model.SMALL, image=random_model.FULL.image)
    runner = random_model.build(shape, "meta", torch.bfloat16, random_model.tokenizer())
    return YesRunner(**{part.name: getattr(runner, part.name) for part in fields(runner) if part.init})


def by_engine(folder: Path, questions: int) -> MemoryPeaks:
    """Stream requests through the engine without keeping the responses."""
    memory, model = MemoryPeaks("engine", questions), load()
    memory.model = peak_host_memory()
    requests = [_request(folder, number) for number in range(questions)]
    for _ in memory.watch(BatchedEngine(model).generate(requests, InferenceStats())):
        pass
    memory.end = peak_host_memory()
    return memory


def by_run(folder: Path, questions: int) -> MemoryPeaks:
    """Run the whole command `run` on files in the benchmark's layout."""
    memory, model = MemoryPeaks("run", questions), load()
    memory.model = peak_host_memory()
    files = {"questions": folder / "questions.json", "annotations": folder / "annotations.json"}
    settings = RunSettings(
        model=ModelSpec("yes"),
        tasks=("vqav2",),
        suite="vqav2",
        files={"vqav2": files | {"images": folder / "val2014"}},
        allow_partial=True,
    )

    class Watched(BatchedEngine):
        def generate(self, requests: Sequence[Request], stats: InferenceStats) -> Generator[Outcome]:
            return memory.watch(BatchedEngine.generate(self, requests, stats))

    class Loaded(ModelHandle):
        def fingerprint(self) -> str:
            return "none"

        config_digest = fingerprint
        deciding_options = None

        def load(self) -> Watched:
            return Watched(model)

    result = run_evaluation(settings, folder / "run", PlainProgress(), Loaded(settings.model))
    assert result.failed == 0, result.scores
    memory.end = peak_host_memory()
    return memory


def prepare(folder: Path, questions: int, size: tuple[int, int] = SIZE) -> None:
    """Write the benchmark's files, and images of `size`, width and height in pixels."""
    score_vqav2.generate(folder, questions)
    (folder / "val2014").mkdir()
    originals = vqa_load.photographs(folder, FILES, size)
    for number in range(-(-questions // QUESTIONS_PER_IMAGE)):
        os.link(originals[number % FILES].path, _image(folder, number).path)


def _image(folder: Path, number: int) -> ImageFile:
    return ImageFile(folder / "val2014", f"COCO_val2014_{number:012d}.jpg")


def _request(folder: Path, number: int) -> Request:
    question = f"what is thing number {number}?"
    message = build_message(question, vqa_load.SUFFIX, images=1)
    return Request(str(number), 0, message, question, (_image(folder, number // QUESTIONS_PER_IMAGE),))


def _alone(work: Callable[[], Any]) -> Any:
    """Call `work` in a new process, for a peak memory of its own, and return its result."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work).result()


def show(memories: Sequence[MemoryPeaks]) -> None:
    """Print the table."""
    header = [
        "MB beside the model",
        "first answer",
        *memories[0].quarters,
        "end",
        "the model",
        "bytes/question, 25% to 100%",
    ]
    rows = [
        [
            memory.way,
            *[
                f"{(at - memory.model) / 1e6:,.0f}"
                for at in (memory.first_answer, *memory.quarters.values(), memory.end)
            ],
            f"{memory.model / 1e6:,.0f}",
            f"{memory.growth:,.0f}",
        ]
        for memory in memories
    ]
    print_table(f"peak host memory, {memories[0].questions:,} questions (bar: {BAR / 1e6:,.0f} MB)", header, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Stream, print, write; 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=score_vqav2.QUESTIONS)
    parser.add_argument("--output", type=Path, default=RESULTS / "streaming-memory.json", help="the JSON file")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        _alone(partial(prepare, Path(name), args.questions))
        memories: list[MemoryPeaks] = [_alone(partial(way, Path(name), args.questions)) for way in (by_engine, by_run)]
    show(memories)
    rows = [asdict(one) | {"beside_model": one.beside_model, "growth": one.growth} for one in memories]
    write({"benchmark": "streaming_memory"} | facts() | {"bar": BAR, "ways": rows}, args.output)
    return int(any(one.beside_model > BAR for one in memories))


if __name__ == "__main__":
    sys.exit(main())
