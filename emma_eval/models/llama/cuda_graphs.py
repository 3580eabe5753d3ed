"""Decoding steps as CUDA graphs: one launch in place of a thousand, which is most of the time of a small step.

A graph computes at fixed addresses: inputs are copied to them, keys and values stay in the buffers of the KV cache, and
the slots to fill are an input too. Attention reads every slot of the batch; the mask hides those not filled yet.
"""

from __future__ import annotations

import operator
import warnings
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import Any, cast

import torch
from torch import Tensor

from emma_eval.models.llama.kv_cache import KVCache
from emma_eval.models.llama.model import ForwardInputs, Llama

CAPTURE_AFTER = 8  # times that a shape must have occurred: capturing costs as much as some steps
MAX_GRAPHS = 64

Shape = tuple[int, int, int]  # rows, tokens a row, slots


class DecodeGraphs:
    """Computes decoding steps by CUDA graphs, capturing those whose shape recurs."""

    def __init__(self, llama: Llama, kv_cache: KVCache) -> None:
        self._llama, self._kv_cache = llama, kv_cache
        self._graphs: dict[Shape, CapturedGraph] = {}
        self._pool = GraphPool()
        self._occurrences: Counter[Shape] = Counter()
        self._cache_generation = kv_cache.generation
        self._modules = list(llama.modules())  # whose computation is captured
        self._enabled = True

    def __len__(self) -> int:
        """How many graphs are captured."""
        return len(self._graphs)

    def for_batch(self) -> DecodeGraphs | None:
        """Itself; None while a module has a forward hook, which a replayed graph does not call.

        Graphs that were captured before a module was replaced are discarded. Looks at every module, so it is for once a
        batch, not for once a step.
        """
        modules = list(self._llama.modules())
        if len(modules) != len(self._modules) or any(map(operator.is_not, modules, self._modules)):
            self._discard()
            self._modules = modules
        has_hook = any(module._forward_hooks or module._forward_pre_hooks for module in modules)
        return None if has_hook else self

    def replay(self, tokens: Tensor, positions: Tensor, mask: Tensor) -> Tensor | None:
        """The last hidden states (B, L, D) of tokens (B, L); None if there is no graph of this shape.

        `mask` is (B, 1, L, K) for all K slots of the cache.
        """
        if self._cache_generation != self._kv_cache.generation:  # buffers moved, so all addresses are out of date
            self._discard()
        shape = (*tokens.shape, mask.shape[3])
        self._occurrences[shape] += 1
        if shape not in self._graphs:
            recurs = self._occurrences[shape] >= CAPTURE_AFTER and len(self._graphs) < MAX_GRAPHS
            if not (recurs and self._enabled):
                return None
            try:
                self._graphs[shape] = CapturedGraph(self._llama, self._kv_cache, shape, self._pool)
            except RuntimeError as error:  # no memory for it, or not with this GPU or these versions
                self._discard()
                self._enabled = False
                warnings.warn(f"CUDA graphs are off, decoding is slower: {error}", stacklevel=2)
                return None
        return self._graphs[shape](tokens, positions, mask)

    def _discard(self) -> None:
        self._graphs, self._pool, self._cache_generation = {}, GraphPool(), self._kv_cache.generation


class CapturedGraph:
    """One step as a graph. Its inputs and its output are allocated outside the graphs' common pool."""

    def __init__(self, llama: Llama, kv_cache: KVCache, shape: Shape, pool: GraphPool) -> None:
        num_rows, width, num_slots = shape
        device, dtype = llama.device, llama.dtype
        self._kv_cache = kv_cache
        self._tokens, self._positions = torch.zeros(2, num_rows, width, dtype=torch.long, device=device)
        self._write_slots = torch.arange(width, device=device) + kv_cache.length
        self._mask = torch.zeros(num_rows, 1, width, num_slots, dtype=dtype, device=device)
        self._hidden = torch.empty(num_rows, width, llama.config.hidden_size, dtype=dtype, device=device)

        def compute() -> None:
            kv_cache.set_write_slots(self._write_slots)
            inputs = ForwardInputs(llama.embed_tokens(self._tokens), self._positions, self._mask)
            self._hidden.copy_(llama(inputs, kv_cache).last_hidden_state)

        self._replay = capture(compute, pool)

    def __call__(self, tokens: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        """The last hidden state (B, L, D) of tokens (B, L); the step fills the next L free slots of the cache.

        It is overwritten by the next call. `positions` are (B, L), `mask` is (B, 1, L, K).
        """
        width = tokens.shape[1]
        self._tokens.copy_(tokens)
        self._positions.copy_(positions)
        self._mask.copy_(mask)
        torch.arange(self._kv_cache.length, self._kv_cache.length + width, out=self._write_slots)
        self._replay()
        self._kv_cache.advance(width)
        return self._hidden


class GraphPool:
    """What graphs that run one after the other share: the memory for intermediate results, and a stream."""

    @cached_property
    def handle(self) -> Any:
        """CUDA's handle of the memory pool."""
        return torch.cuda.graph_pool_handle()

    @cached_property
    def stream(self) -> Any:
        """The stream on which graphs are captured."""
        return cast(Any, torch.cuda).Stream()


def capture(compute: Callable[[], None], pool: GraphPool) -> Callable[[], None]:
    """Capture what `compute` does on the GPU; calling the result does it again."""
    graph = torch.cuda.CUDAGraph()
    pool.stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(pool.stream):
        for _ in range(2):  # libraries initialise themselves at the first calls, which must not be captured
            compute()
        with torch.cuda.graph(graph, pool=pool.handle, stream=pool.stream):
            compute()
    torch.cuda.current_stream().wait_stream(pool.stream)
    return graph.replay
