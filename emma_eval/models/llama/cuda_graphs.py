"""Decoding steps recorded as CUDA graphs: one launch instead of a thousand, which is what a step of few tokens costs.

A graph computes at fixed addresses: inputs are copied to them, keys and values lie where they lay (see KeyValues), and
the slots to fill are themselves an input. Attention reads every slot of the batch; the mask hides the empty ones.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import Any, cast

import torch
from torch import Tensor

from emma_eval.models.llama.kv_cache import KeyValues
from emma_eval.models.llama.model import Llama, Reading

WORTH_RECORDING = 8  # times that a shape must have come: recording costs as much as some steps
MOST_RECORDED = 64

Shape = tuple[int, int, int]  # rows, tokens a row, slots


class Steps:
    """Computes decoding steps, recording those whose shape comes again and again."""

    def __init__(self, llama: Llama, memory: KeyValues) -> None:
        self._llama, self._memory = llama, memory
        self._recorded: dict[Shape, Recorded] = {}
        self._pool = Pool()
        self._met: Counter[Shape] = Counter()
        self._moves = memory.moves
        self._enabled = True

    def hidden(self, tokens: Tensor, positions: Tensor, mask: Tensor) -> Tensor | None:
        """The last hidden states (B, L, D) of a step, or None where it is not recorded; `mask` is (B, 1, L, K)."""
        if self._moves != self._memory.moves:
            self._forget()
        shape = (*tokens.shape, mask.shape[3])
        self._met[shape] += 1
        if shape not in self._recorded:
            worth = self._met[shape] >= WORTH_RECORDING and len(self._recorded) < MOST_RECORDED
            if not (worth and self._enabled):
                return None
            try:
                self._recorded[shape] = Recorded(self._llama, self._memory, shape, self._pool)
            except RuntimeError as error:  # no memory for it, or not with this GPU or these versions
                self._forget()
                self._enabled = False
                warnings.warn(f"CUDA graphs are off, decoding is slower: {error}", stacklevel=2)
                return None
        return self._recorded[shape](tokens, positions, mask)

    def _forget(self) -> None:
        self._recorded, self._pool, self._moves = {}, Pool(), self._memory.moves


class Recorded:
    """One step as a graph, with its inputs and its output, which lie outside the pool."""

    def __init__(self, llama: Llama, memory: KeyValues, shape: Shape, pool: Pool) -> None:
        rows, width, slots = shape
        self._memory = memory
        self._tokens, self._positions = torch.zeros(2, rows, width, dtype=torch.long, device=llama.device)
        self._places = torch.arange(width, device=llama.device) + memory.filled
        self._mask = torch.zeros(rows, 1, width, slots, dtype=llama.dtype, device=llama.device)
        self._hidden = torch.empty(rows, width, llama.config.hidden_size, dtype=llama.dtype, device=llama.device)

        def compute() -> None:
            memory.fill(self._places)
            reading = Reading(llama.embed(self._tokens), self._positions, self._mask)
            self._hidden.copy_(llama(reading, memory))

        self._replay = record(compute, pool)

    def __call__(self, tokens: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """Compute the step, which fills the memory's next free slots."""
        width = tokens.shape[1]
        self._tokens.copy_(tokens)
        self._positions.copy_(positions)
        self._mask.copy_(mask)
        torch.arange(self._memory.filled, self._memory.filled + width, out=self._places)
        self._replay()
        self._memory.extend(width)
        return self._hidden


class Pool:
    """What graphs that run one after the other share: the memory of what they compute in between, and a stream."""

    @cached_property
    def handle(self) -> Any:
        """What CUDA knows the memory by."""
        return torch.cuda.graph_pool_handle()

    @cached_property
    def stream(self) -> Any:
        """Where they are captured."""
        return cast(Any, torch.cuda).Stream()


def record(compute: Callable[[], None], pool: Pool) -> Callable[[], None]:
    """Capture what `compute` does on the GPU; the result does it again."""
    graph = torch.cuda.CUDAGraph()
    pool.stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(pool.stream):
        for _ in range(2):  # libraries set themselves up at the first calls, which must not be captured
            compute()
        with torch.cuda.graph(graph, pool=pool.handle, stream=pool.stream):
            compute()
    torch.cuda.current_stream().wait_stream(pool.stream)
    return graph.replay
