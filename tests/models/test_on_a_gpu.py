"""What a GPU would compute, on fake tensors: every operand is on it, and a batch fits into its memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from benchmarks import random_model
from emma_eval.models.llama import cuda_graphs
from emma_eval.models.llama.memory import max_batch_tokens
from emma_eval.models.multimodal.batching import TrieRow
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import Request
from tests.fakes import LoadedImage, make_image
from tests.models.fake_gpu import fake_gpu

GB = 10**9
TEXT = "A chat between a person and a machine. " * 3


def requests(images: int, questions: int) -> list[Request]:
    """Questions about each of some images."""
    return [
        Request(f"{p}-{q}", 0, f"{TEXT}<image>\nIs it {q}? ASSISTANT:", f"Is it {q % 2}?", (image,), 8 - (p + q) % 8)
        for p in range(images)
        for image in [LoadedImage(make_image(8, 8, seed=p))]
        for q in range(questions)
    ]


def rows_of(runner: ModelRunner, requests: Sequence[Request]) -> list[TrieRow]:
    """Requests as the rows of a batch, behind their shared prefix."""
    prompts = [runner.tokenize(request) for request in requests]
    return runner.collate(prompts, runner.shared_prefix(prompts))


def answer(runner: ModelRunner, rows: Sequence[TrieRow]) -> None:
    """Answer a batch; the images are black."""
    black = np.zeros((3, runner.processor.crop_size, runner.processor.crop_size), np.uint8)
    answers = runner.generate(rows, {span.image: black for row in rows for span in row.trie.images})
    assert [len(of_row) for of_row in answers] == [len(row.indices) for row in rows]


@pytest.mark.parametrize("aligned", [True, False], ids=["emma", "llava"])
@pytest.mark.parametrize(("images", "questions"), [(1, 1), (9, 1), (3, 4)])
def test_every_operand_is_on_the_gpu(aligned: bool, images: int, questions: int) -> None:
    with fake_gpu():
        runner = random_model.build(random_model.SMALL, "cuda", torch.bfloat16, random_model.tokenizer(), aligned)
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


@pytest.mark.parametrize("free", [8, 24, 64])
def test_a_batch_within_its_budget_fits_beside_the_full_size_model(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free * GB, 80 * GB))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 0)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 0)
    with fake_gpu() as memory:
        runner = random_model.build(random_model.FULL, "cuda", torch.bfloat16, random_model.tokenizer())
        weights, budget = memory.taken, max_batch_tokens(runner.model.llama)
        assert weights == pytest.approx(14.3 * GB, rel=0.01)
        rows = rows_of(runner, requests(120, 1))
        fitting = rows[: budget // max(len(row.prefix) + row.num_tokens for row in rows)]
        answer(runner, fitting)
    assert 0 < len(fitting) < len(rows)
    assert memory.most - weights < free * GB
