"""What a GPU would compute, on fake tensors: every operand is on it, and a batch fits into its memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from benchmarks import random_model, random_mplug_owl2
from emma_eval.models.llama import cuda_graphs
from emma_eval.models.llama.memory import max_batch_tokens
from emma_eval.models.multimodal.batching import TrieRow
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import Request
from tests.fakes import LoadedImage, make_image
from tests.models.fake_gpu import fake_gpu

GB = 10**9
TEXT = "A chat between a person and a machine. " * 3


def requests(images: int, questions: int, first: int = 0) -> list[Request]:
    """Questions about each of some images, the first of this number."""
    return [
        Request(f"{p}-{q}", 0, f"{TEXT}<image>\nIs it {q}? ASSISTANT:", f"Is it {q % 2}?", (image,), 8 - (p + q) % 8)
        for p in range(first, first + images)
        for image in [LoadedImage(make_image(8, 8, seed=p))]
        for q in range(questions)
    ]


def rows_of(runner: ModelRunner, requests: Sequence[Request]) -> list[TrieRow]:
    """Requests as the rows of a batch, behind their shared prefix."""
    prompts = [runner.tokenize(request) for request in requests]
    return runner.collate(prompts, runner.shared_prefix(prompts))


def build(kind: str, *, full: bool = False) -> ModelRunner:
    """A random model on the fake GPU."""
    if kind == "mplug_owl2":
        config = random_mplug_owl2.FULL if full else random_mplug_owl2.SMALL
        return random_mplug_owl2.build(config, "cuda", torch.bfloat16, random_mplug_owl2.tokenizer())
    shape = random_model.FULL if full else random_model.SMALL
    return random_model.build(shape, "cuda", torch.bfloat16, random_model.tokenizer(), aligned=kind == "emma")


def answer(runner: ModelRunner, rows: Sequence[TrieRow]) -> None:
    """Answer a batch; the images are black."""
    black = np.zeros((3, runner.processor.crop_size, runner.processor.crop_size), np.uint8)
    answers = runner.generate(rows, {span.image: black for row in rows for span in row.trie.images})
    assert [len(of_row) for of_row in answers] == [len(row.indices) for row in rows]


@pytest.mark.parametrize("kind", ["emma", "llava", "mplug_owl2"])
@pytest.mark.parametrize(("images", "questions"), [(1, 1), (9, 1), (3, 4)])
def test_every_operand_is_on_the_gpu(kind: str, images: int, questions: int) -> None:
    with fake_gpu():
        runner = build(kind)
        rows = rows_of(runner, requests(images, questions))
        for _ in range(cuda_graphs.CAPTURE_AFTER):  # the first with empty caches, the last with captured graphs
            answer(runner, rows)
        assert runner.decode_graphs is not None
        assert len(runner.decode_graphs)


def test_a_tensor_left_on_the_host_is_found() -> None:
    with fake_gpu():
        runner = random_model.build(random_model.SMALL, "cuda", torch.bfloat16, random_model.tokenizer())
        runner.model.llama.norm = torch.nn.RMSNorm(random_model.SMALL.hidden, dtype=torch.bfloat16)
        with pytest.raises(RuntimeError, match="device"):
            answer(runner, rows_of(runner, requests(2, 1)))


@pytest.mark.parametrize(("kind", "gigabytes", "images"), [("emma", 14.3, 120), ("mplug_owl2", 16.4, 700)])
@pytest.mark.parametrize("free", [8, 24, 64])
def test_a_batch_within_its_budget_fits_beside_the_full_size_model(
    monkeypatch: pytest.MonkeyPatch, kind: str, gigabytes: float, images: int, free: int
) -> None:
    """The second, too, whose images are encoded while the first one's keys and values are still there."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free * GB, 80 * GB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 0)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 0)
    with fake_gpu() as memory:
        runner = build(kind, full=True)
        weights, budget = memory.taken, max_batch_tokens(runner.model.llama)
        assert weights == pytest.approx(gigabytes * GB, rel=0.01)
        for first in (0, images):
            rows = rows_of(runner, requests(images, 1, first))
            fitting = rows[: budget // max(len(row.prefix) + row.num_tokens for row in rows)]
            answer(runner, fitting)
            assert 0 < len(fitting) < len(rows)
    assert memory.most - weights < free * GB
