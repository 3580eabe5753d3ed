"""How many prompt tokens the engine computes, at full size and without a GPU: asked, computed, and the least possible.

The engine's own planner makes the batches of EMMA-7B or LLaVA-1.5-7B without weights, 576 rows an image. POPE's
questions are the real ones where they are at hand, else as GQA's and MMBench's those of the mini suite's generators.

    python benchmarks/shared_tokens.py [--tokenizer FOLDER] [--output FILE]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import benchmarks  # noqa: F401 - it says how threads wait, which torch asks when it is imported

# isort: split
import torch

from benchmarks import random_model
from benchmarks.recording import RESULTS, facts, percent, print_table, write
from emma_eval.data.loading import load_samples
from emma_eval.images.sources import ImageFile
from emma_eval.inference.scheduler import BatchBudget, Scheduler, padded_tokens
from emma_eval.mini import items
from emma_eval.mini.items import Item
from emma_eval.mini.suite.drawing import Draw, different, draws
from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.emma.tokenizer import LlamaTokenizer
from emma_eval.models.llama.memory import MAX_TOKENS
from emma_eval.models.llama.prefix_trie import PromptItem, num_slots
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.prompts.building import build_requests
from emma_eval.tasks.loading import load_task
from emma_eval.types import Sample

IMAGES = 200
NEAR_IDEAL = 1.02
REAL_POPE = Path(__file__).parents[2] / "shared" / "golden" / "pope"
POPE_CATEGORIES = ("random", "popular", "adversarial")


@dataclass(frozen=True, slots=True)
class Count:
    """Prompt tokens of one benchmark."""

    benchmark: str
    model: str
    questions: str  # where they come from
    requests: int
    asked: int  # every prompt by itself
    computed: int  # by the engine's batches, padding apart
    ideal: int  # every distinct beginning once
    padding: int
    bar: float

    @property
    def fewer(self) -> float:
        """How many times fewer tokens are computed than asked for."""
        return self.asked / self.computed

    @property
    def passes(self) -> bool:
        """Whether both bars are met."""
        return self.fewer >= self.bar and self.computed <= NEAR_IDEAL * self.ideal


def counts(words: LlamaTokenizer, images: int) -> Iterator[Count]:
    """Each benchmark's, with `images` of them."""
    emma, llava = (
        random_model.build(random_model.FULL, "meta", torch.bfloat16, words, aligned=aligned)
        for aligned in (True, False)
    )
    pope, source = pope_samples(images)
    generated = "mini suite's generator"
    yield count("mmbench_en", emma, _generated("mmbench", images, _one_choice), generated, 3.0)
    yield count("gqa", llava, _generated("gqa", images, _thirty_two), generated, 10.0)
    yield count("pope", llava, pope, source, 10.0)


def count(
    benchmark: str, model: ModelRunner[EmmaModel], samples: Sequence[Sample], questions: str, bar: float
) -> Count:
    """What the scheduler makes of a benchmark's requests."""
    requests = list(build_requests(load_task(benchmark), samples))
    scheduler = Scheduler(model, requests, BatchBudget(MAX_TOKENS, None))
    computed = padding = 0
    for batch in scheduler:
        assert isinstance(batch, list), batch
        tokens = sum(row.num_tokens for row in batch)
        computed, padding = computed + tokens, padding + padded_tokens(batch) - tokens
    prompts = [model.tokenize(request) for request in requests]
    return Count(
        benchmark=benchmark,
        model="LLaVA-1.5" if model.model.alignment is None else "EMMA",
        questions=questions,
        requests=len(requests),
        asked=sum(prompt.num_tokens for prompt in prompts),
        computed=computed + len(scheduler.prefix or ()),
        ideal=distinct([prompt.items for prompt in prompts]),
        padding=padding,
        bar=bar,
    )


def distinct(prompts: Sequence[Sequence[PromptItem]]) -> int:
    """The tokens of a trie of all prompts: a token is the same where all that comes before it is the same too."""
    nodes: dict[tuple[int, PromptItem], int] = {}
    for prompt in prompts:
        node = 0
        for token in prompt:
            node = nodes.setdefault((node, token), len(nodes) + 1)
    return sum(num_slots(token) for _, token in nodes)


def pope_samples(images: int) -> tuple[list[Sample], str]:
    """POPE's 18 questions an image, and where they are from."""
    if not REAL_POPE.is_dir():
        return _generated("pope", images, _eighteen), "mini suite's generator"
    files = {category: REAL_POPE / f"coco_pope_{category}.json" for category in POPE_CATEGORIES}
    samples = load_samples(load_task("pope"), files=files)
    kept = set(list(dict.fromkeys(sample.images for sample in samples))[:images])
    return [sample for sample in samples if sample.images in kept], "the benchmark's own"


def _generated(benchmark: str, images: int, ask: Callable[[Draw], Sequence[Item]]) -> list[Sample]:
    return [
        Sample(
            id=f"{drawn.seed}-{number}",
            question=item.question,
            images=(ImageFile(Path(benchmark), drawn.coco_name),),
            options=item.options,
        )
        for drawn in islice(draws(benchmark, fewest=3), images)
        for number, item in enumerate(ask(drawn))
    ]


def _one_choice(drawn: Draw) -> list[Item]:
    return [items.choice(drawn.rng, drawn.scene)]


def _thirty_two(drawn: Draw) -> list[Item]:
    return different(drawn, items.gqa, 32)


def _eighteen(drawn: Draw) -> list[Item]:
    """Some of them alike, as POPE asks about what is there in each of its three categories."""
    return [items.pope(drawn.rng, drawn.scene) for _ in range(18)]


def show(counted: Sequence[Count]) -> None:
    """Print the table."""
    header = ["", "model", "requests", "asked", "computed", "fewer", "bar", "above ideal", "padding", "questions"]
    rows = [
        [
            one.benchmark,
            one.model,
            f"{one.requests:,}",
            f"{one.asked:,}",
            f"{one.computed:,}",
            f"{one.fewer:.1f}x",
            f"{one.bar:g}x",
            percent(one.computed / one.ideal - 1),
            percent(one.padding / one.computed),
            one.questions,
        ]
        for one in counted
    ]
    print_table("prompt tokens at full size", header, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, print, write; 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=IMAGES, help="of each benchmark (%(default)s)")
    parser.add_argument("--tokenizer", type=Path, help="a folder with tokenizer.model (emma-mini's)")
    parser.add_argument("--output", type=Path, default=RESULTS / "shared-tokens.json", help="the JSON file")
    args = parser.parse_args(arguments)
    counted = list(counts(random_model.tokenizer(args.tokenizer), args.images))
    show(counted)
    rows = [asdict(one) | {"fewer": one.fewer, "passes": one.passes} for one in counted]
    named = args.tokenizer.name if args.tokenizer else "emma-mini"
    write({"benchmark": "shared_tokens"} | facts() | {"tokenizer": named, "counts": rows}, args.output)
    return int(not all(one.passes for one in counted))


if __name__ == "__main__":
    sys.exit(main())
