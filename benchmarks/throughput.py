"""Speed of the engine: beside batch size 1, transformers, vLLM and a plain loop, and as a share of the GPU's peak.

On a CPU the shipped models answer the mini suite, image decoding and detokenization included; vLLM joins where an
environment with it is named. On a GPU an EMMA-7B with random weights answers 2,000 questions about 640x480 JPEGs.
Prints tables and writes JSON.

    python benchmarks/throughput.py [--vllm-python ENVIRONMENT/bin/python] [--device cuda] [--output FILE]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
import benchmarks  # noqa: F401 - sets OpenMP's wait policy, which torch reads when it is imported

# isort: split
import torch

from benchmarks import random_model, random_mplug_owl2, stages, vqa_load
from benchmarks.peers import plain_owl2
from benchmarks.peers.batched_generate import llama_in_batches, llava_in_batches
from benchmarks.peers.vllm_process import vllm_engine, vllm_llava
from benchmarks.recording import RESULTS, facts, percent, print_table, write
from benchmarks.transformers_loop import generate_one_by_one
from benchmarks.variants import Variant, engine, engine_on_prepared_inputs, in_this_process
from benchmarks.work import matrix_rate, operations
from emma_eval.data.loading import load_samples
from emma_eval.models import load_model
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.prompts.building import build_requests
from emma_eval.tasks.index import expand_tasks
from emma_eval.tasks.loading import load_task
from emma_eval.types import InferenceStats, Request

REQUESTS, ALONE = 2000, 100  # on a GPU: in batches, and one by one
OWL2_ALONE = 191  # of the mini suite, on a CPU


@dataclass(frozen=True, slots=True)
class BenchmarkCase:
    """A model, its requests, and the variants to compare."""

    name: str
    description: str
    model: ModelRunner[Any]
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


def against_one_by_one(max_requests: int | None, bars: tuple[float | None, float | None]) -> tuple[Variant, ...]:
    """The engine, the engine at batch size 1, and the plain transformers loop."""
    return (
        Variant("engine", in_this_process(engine())),
        Variant("engine, batch size 1", in_this_process(engine(1)), max_requests, bars[0]),
        Variant("transformers generate", in_this_process(generate_one_by_one), max_requests, bars[1]),
    )


def with_and_without_sharing(bar: float) -> tuple[Variant, ...]:
    """The engine with and without prefix sharing."""
    without = in_this_process(engine(sharing=False))
    return Variant("engine, sharing", in_this_process(engine())), Variant("engine, no sharing", without, None, bar)


def against_peers(model: str, vllm_python: Path | None) -> tuple[Variant, ...]:
    """The engine, transformers in batches, and vLLM where there is an environment with it; see `benchmarks.peers`."""
    is_llava = model == "llava-mini"
    embedded = Variant("transformers generate, batches of 32, from our embeddings", llama_in_batches)
    variants = [
        Variant("engine", in_this_process(engine())),
        Variant("engine, given what the others are given", engine_on_prepared_inputs),
    ]
    variants += [Variant("transformers generate, batches of 32", llava_in_batches, None, 2.8) if is_llava else embedded]
    if vllm_python and is_llava:
        variants.append(Variant("vLLM, its own LLaVA", vllm_llava(vllm_python), None, 2.0))
    if vllm_python:
        bar = None if is_llava else 1.8
        variants.append(Variant("--engine vllm", vllm_engine(vllm_python, model), None, bar))
    return tuple(variants)


def against_plain_owl2() -> tuple[Variant, ...]:
    """The engine, itself at batch size 1, and a loop as mPLUG-Owl2's reference runs, which answers a tenth."""
    loop = Variant("plain loop", in_this_process(plain_owl2.generate_one_by_one), OWL2_ALONE, 2.0)
    alone = Variant("engine, batch size 1", in_this_process(engine(1)), OWL2_ALONE)
    return Variant("engine", in_this_process(engine())), loop, alone


def measure(case: BenchmarkCase) -> Scenario:
    """Time every variant; then time the stages of the first one."""
    texts: dict[int, str | None] = {}
    measured: list[Measurement] = []
    for way in case.ways:
        indices = _evenly(len(case.requests), way.max_requests)
        requests = [case.requests[index] for index in indices]
        fastest = min(way.passes(case.model, requests, case.repeats), key=attrgetter("seconds"))
        answers, stats, seconds = fastest.answers, fastest.stats, fastest.seconds
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


def _stages(case: BenchmarkCase) -> dict[str, dict[str, float]]:
    def work() -> float:
        stats = InferenceStats()
        engine()(replace(case.model), case.requests, stats)
        return stats.idle_seconds

    return stages.shares(work, case.model.device)


def _evenly(count: int, max_requests: int | None) -> list[int]:
    """At most `max_requests` indices below `count`, evenly spaced."""
    max_requests = min(max_requests or count, count)
    return [index * count // max_requests for index in range(max_requests)]


def mini(args: argparse.Namespace) -> Iterator[Scenario]:
    """The shipped models over the shipped suite on the CPU."""
    one_by_one_too = against_one_by_one(args.one_by_one, (6.0, None))
    scenarios = (
        ("peers", "mini", "llava-mini", "float32", against_peers("llava-mini", args.vllm_python)),
        ("peers", "mini", "emma-mini", "float32", against_peers("emma-mini", args.vllm_python)),
        ("itself", "mini", "emma-mini", "float32", one_by_one_too),
        ("itself", "mini", "emma-mini", "bfloat16", one_by_one_too),
        ("itself", "pope_mini", "llava-mini", "float32", with_and_without_sharing(1.5)),
        ("itself", "mmbench_mini", "emma-mini", "float32", with_and_without_sharing(1.3)),
    )
    for against, tasks, name, dtype, ways in scenarios:
        if args.against in (None, against):
            model, requests = load_model(name, device="cpu", dtype=dtype), _suite_requests(tasks, args.limit)
            yield measure(BenchmarkCase(tasks, f"{name}, {dtype}", model, requests, ways, repeats=args.repeats))
    if args.against in (None, "peers"):
        owl2 = random_mplug_owl2.build(random_mplug_owl2.MINI, "cpu", torch.float32, random_mplug_owl2.tokenizer())
        name, requests = "mPLUG-Owl2 of llava-mini's size, random, float32", _suite_requests("mini", args.limit)
        yield measure(BenchmarkCase("mini", name, owl2, requests, against_plain_owl2(), repeats=args.repeats))


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
    add("--against", choices=("itself", "peers"), help="only these of a CPU's scenarios")
    add("--vllm-python", type=Path, metavar="FILE", help="the interpreter of an environment with vLLM")
    add("--output", type=Path, help="the JSON file (results/benchmarks/throughput-DEVICE.json, or so)")
    args = parser.parse_args(arguments)
    if args.vllm_python and not args.vllm_python.is_file():
        parser.error(f"--vllm-python: there is no file {args.vllm_python}")
    device = torch.device(args.device)
    if device.type == "cuda" or args.small:
        scenarios = iter([generated(device, args.small, args.requests, args.one_by_one or ALONE, args.repeats)])
    else:
        scenarios = mini(args)
    done = []
    for scenario in scenarios:
        show(scenario)
        done.append(scenario)
    kind = "-small" if args.small else "-peers" if args.against == "peers" else ""
    output = args.output or RESULTS / f"throughput{kind}-{device.type}.json"
    record = {"benchmark": "throughput"} | facts(args.device) | {"threads": torch.get_num_threads()}
    record["command"] = record["command"].replace(str(args.vllm_python), "ENVIRONMENT/bin/python")
    write(record | {"scenarios": [asdict(scenario) | {"passes": scenario.passes} for scenario in done]}, output)
    return int(not all(scenario.passes for scenario in done))


if __name__ == "__main__":
    sys.exit(main())
