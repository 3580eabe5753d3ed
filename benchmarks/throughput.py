"""Speed of the engine: beside batch size 1, beside a plain transformers loop, and as a share of the GPU's peak.

On a CPU the shipped models answer the mini suite; on a GPU an EMMA-7B with random weights answers 2,000 questions about
640x480 JPEGs, image decoding and detokenization included. Prints tables and writes JSON.

    python benchmarks/throughput.py [--device cuda] [--output FILE]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Literal

sys.path.insert(0, str(Path(__file__).parents[1]))
import benchmarks  # noqa: F401 - sets OpenMP's wait policy, which torch reads when it is imported

# isort: split
import torch

from benchmarks import random_model, stages, vqa_load
from benchmarks.recording import RESULTS, facts, percent, print_table, write
from benchmarks.transformers_loop import generate_one_by_one
from benchmarks.work import matrix_rate, operations, synchronize
from emma_eval.data.loading import load_samples
from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.runner import run_requests
from emma_eval.models import load_model
from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.prompts.building import build_requests
from emma_eval.tasks.index import expand_tasks
from emma_eval.tasks.loading import load_task
from emma_eval.types import InferenceStats, Request

REQUESTS, ALONE = 2000, 100  # on a GPU: in batches, and one by one
WARM_UP = 128

Answer = Callable[[ModelRunner[EmmaModel], Sequence[Request], InferenceStats], Mapping[int, str | None]]


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the compared ways to answer; a slow one may answer an evenly spaced part of the requests."""

    name: str
    answer: Answer
    max_requests: int | None = None
    min_speedup: float | None = None  # bar: how many times faster the first variant must be


@dataclass(frozen=True, slots=True)
class BenchmarkCase:
    """A model, its requests, and the variants to compare."""

    name: str
    description: str
    model: ModelRunner[EmmaModel]
    requests: Sequence[Request]
    ways: Sequence[Variant]
    matrix_rate: float | None = None  # FLOP/s of the device's matrix product
    peak_bar: float | None = None  # bar for the first variant's share of it
    repeats: int = 1  # passes, of which the fastest counts


@dataclass(frozen=True, slots=True)
class Measurement:
    """Speed of one variant."""

    way: str
    requests: int
    seconds: float
    samples_per_second: float
    prompt_tokens_per_second: float  # of whole prompts, shared tokens counted each time
    operations_per_second: float
    peak_share: float | None  # of the device's matrix rate
    same_answers: float  # share of its requests with the first variant's answer
    first_is_faster: float  # speed of the first variant divided by this one's
    bar: float | None  # for that
    idle_share: float  # share of the time in which the device waits for images and prompts
    stats: InferenceStats


@dataclass(frozen=True, slots=True)
class Scenario:
    """The measurements of one case."""

    name: str
    model: str
    matrix_rate: float | None
    peak_bar: float | None
    measured: tuple[Measurement, ...]
    stages: Mapping[str, Mapping[str, float]]  # of the first variant's time, see `stages.shares`

    @property
    def passes(self) -> bool:
        """Whether every bar is met."""
        share = self.measured[0].peak_share or 0.0
        return share >= (self.peak_bar or 0.0) and all(one.first_is_faster >= (one.bar or 0.0) for one in self.measured)


def engine(batch_size: int | Literal["auto"] = "auto", sharing: bool = True) -> Answer:
    """Our engine."""

    def answer(
        model: ModelRunner[EmmaModel], requests: Sequence[Request], stats: InferenceStats
    ) -> Mapping[int, str | None]:
        answers = run_requests(BatchedEngine(model, batch_size, sharing=sharing), requests, stats)
        return {index: response.text for index, response in answers}

    return answer


def against_one_by_one(max_requests: int | None, bars: tuple[float | None, float | None]) -> tuple[Variant, ...]:
    """The engine, the engine at batch size 1, and the plain transformers loop."""
    return (
        Variant("engine", engine()),
        Variant("engine, batch size 1", engine(1), max_requests, bars[0]),
        Variant("transformers generate", generate_one_by_one, max_requests, bars[1]),
    )


def with_and_without_sharing(bar: float) -> tuple[Variant, ...]:
    """The engine with and without prefix sharing."""
    return Variant("engine, sharing", engine()), Variant("engine, no sharing", engine(sharing=False), None, bar)


def measure(case: BenchmarkCase) -> Scenario:
    """Time every variant; then time the stages of the first one."""
    texts: dict[int, str | None] = {}
    measured: list[Measurement] = []
    for way in case.ways:
        indices = _evenly(len(case.requests), way.max_requests)
        requests = [case.requests[index] for index in indices]
        passes = (_time(way, case.model, requests) for _ in range(case.repeats))
        answers, stats, seconds = min(passes, key=itemgetter(2))
        texts = texts or dict(answers)
        speed = operations(case.model, stats, len(requests)) / seconds
        one = Measurement(
            way=way.name,
            requests=len(requests),
            seconds=seconds,
            samples_per_second=len(requests) / seconds,
            prompt_tokens_per_second=stats.prompt_tokens / seconds,
            operations_per_second=speed,
            peak_share=speed / case.matrix_rate if case.matrix_rate else None,
            same_answers=sum(answers[position] == texts[index] for position, index in enumerate(indices))
            / len(requests),
            first_is_faster=1.0,
            bar=way.min_speedup,
            idle_share=stats.idle_seconds / seconds,
            stats=stats,
        )
        first = measured[0] if measured else one
        measured.append(replace(one, first_is_faster=first.samples_per_second / one.samples_per_second))
        print(
            f"{way.name}: {len(requests)} requests in {seconds:.1f} s, {speed / 1e12:.1f} TFLOP/s; {stats}", flush=True
        )
    return Scenario(case.name, case.description, case.matrix_rate, case.peak_bar, tuple(measured), _stages(case))


def _time(
    way: Variant, model: ModelRunner[EmmaModel], requests: Sequence[Request]
) -> tuple[Mapping[int, str | None], InferenceStats, float]:
    """Answers, statistics and seconds after a warm-up; `replace` makes a runner with empty caches."""
    way.answer(replace(model), requests[:WARM_UP], InferenceStats())
    stats, fresh = InferenceStats(), replace(model)
    synchronize(model.device)
    start = time.perf_counter()
    answers = way.answer(fresh, requests, stats)
    synchronize(model.device)
    return answers, stats, time.perf_counter() - start


def _stages(case: BenchmarkCase) -> dict[str, dict[str, float]]:
    def work() -> float:
        stats = InferenceStats()
        case.ways[0].answer(replace(case.model), case.requests, stats)
        return stats.idle_seconds

    return stages.shares(work, case.model.device)


def _evenly(count: int, max_requests: int | None) -> list[int]:
    """At most `max_requests` indices below `count`, evenly spaced."""
    max_requests = min(max_requests or count, count)
    return [index * count // max_requests for index in range(max_requests)]


def mini(limit: int | None, one_by_one: int | None, repeats: int) -> Iterator[Scenario]:
    """The shipped models over the shipped suite on the CPU."""
    one_by_one_too = against_one_by_one(one_by_one, (6.0, None))
    for tasks, name, dtype, ways in (
        ("mini", "emma-mini", "float32", one_by_one_too),
        ("mini", "emma-mini", "bfloat16", one_by_one_too),
        ("pope_mini", "llava-mini", "float32", with_and_without_sharing(1.5)),
        ("mmbench_mini", "emma-mini", "float32", with_and_without_sharing(1.3)),
    ):
        model = load_model(name, device="cpu", dtype=dtype)
        yield measure(
            BenchmarkCase(tasks, f"{name}, {dtype}", model, _suite_requests(tasks, limit), ways, repeats=repeats)
        )


def _suite_requests(tasks: str, limit: int | None) -> list[Request]:
    loaded = [load_task(name) for name in expand_tasks([tasks])]
    return [request for task in loaded for request in build_requests(task, load_samples(task, limit=limit))]


def generated(device: torch.device, small: bool, count: int, one_by_one: int, repeats: int) -> Scenario:
    """EMMA with random weights in bfloat16, one question about each JPEG.

    `small`: a tiny model, small images and no bars.
    """
    shape = random_model.SMALL if small else random_model.FULL
    with tempfile.TemporaryDirectory() as folder:
        images = vqa_load.photographs(Path(folder), count, (64, 48) if small else vqa_load.SIZE)
        case = BenchmarkCase(
            name="VQA, one question an image",
            description=f"{shape.name}, random, bfloat16",
            model=random_model.build(shape, str(device), torch.bfloat16, random_model.tokenizer()),
            requests=vqa_load.requests(images),
            ways=against_one_by_one(one_by_one, (None, None) if small else (5.0, 8.0)),
            matrix_rate=matrix_rate(device, torch.bfloat16, *((256,) if small else ())),
            peak_bar=None if small else 0.6,
            repeats=repeats,
        )
        return measure(case)


def show(scenario: Scenario) -> None:
    """Print a scenario's tables."""
    header = ["", "requests", "s", "samples/s", "prompt tokens/s", "share of peak", "idle"]
    header += ["engine is faster", "bar", "same answers"]
    rows = [
        [
            one.way,
            one.requests,
            f"{one.seconds:.1f}",
            f"{one.samples_per_second:.2f}",
            f"{one.prompt_tokens_per_second:,.0f}",
            percent(one.peak_share),
            percent(one.idle_share),
            f"{one.first_is_faster:.2f}x",
            one.bar and f"{one.bar:g}x",
            percent(one.same_answers),
        ]
        for one in scenario.measured
    ]
    print_table(f"{scenario.model}: {scenario.name}", header, rows)
    if scenario.matrix_rate:
        bar = f"; bar: {scenario.peak_bar:.0%} of it" if scenario.peak_bar else ""
        print(f"this device multiplies matrices at {scenario.matrix_rate / 1e12:.1f} TFLOP/s{bar}")
    for place, of_stage in scenario.stages.items():
        print(f"{place}: " + ", ".join(f"{stage} {share:.1%}" for stage, share in of_stage.items()))
    print(f"{scenario.measured[0].way}: {scenario.measured[0].stats}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="%(default)s here")
    add("--small", action="store_true", help="the GPU's scenario made tiny, to test the script; runs on a CPU too")
    add("--requests", type=int, default=REQUESTS, help="of the GPU's scenario (%(default)s)")
    add("--one-by-one", type=int, help=f"requests that the slow ways answer (GPU: {ALONE}; CPU: all)")
    add("--limit", type=int, metavar="N", help="only the first N samples of each mini task")
    add("--repeats", type=int, default=1, metavar="N", help="passes, of which the fastest counts (%(default)s)")
    add("--output", type=Path, help="the JSON file (results/benchmarks/throughput-DEVICE.json)")
    args = parser.parse_args(arguments)
    device = torch.device(args.device)
    if device.type == "cuda" or args.small:
        scenarios = iter([generated(device, args.small, args.requests, args.one_by_one or ALONE, args.repeats)])
    else:
        scenarios = mini(args.limit, args.one_by_one, args.repeats)
    done = []
    for scenario in scenarios:
        show(scenario)
        done.append(scenario)
    output = args.output or RESULTS / f"throughput-{device.type}{'-small' if args.small else ''}.json"
    record = {"benchmark": "throughput"} | facts(args.device) | {"threads": torch.get_num_threads()}
    write(record | {"scenarios": [asdict(scenario) | {"passes": scenario.passes} for scenario in done]}, output)
    return int(not all(scenario.passes for scenario in done))


if __name__ == "__main__":
    sys.exit(main())
