"""A GPU that computes nothing: fake CUDA tensors know their shape, type and device, so mixed-up devices are found and
memory is counted on any machine."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor
from torch._subclasses import fake_tensor
from torch.nn.attention import bias
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from emma_eval.models.llama import cuda_graphs
from emma_eval.models.ops import pointwise


class Memory(TorchDispatchMode):
    """Bytes of the fake GPU's tensors, now and at most."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = self.most = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compute, and count what is new."""
        result = func(*args, **(kwargs or {}))
        for made in tree_leaves(result):
            if isinstance(made, Tensor) and made.device.type == "cuda":
                self._count(made.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        address, size = storage._cdata, storage.nbytes()
        if address not in self._known:
            self._known.add(address)
            weakref.finalize(storage, self._release, address, size)
            self.taken += size
            self.most = max(self.most, self.taken)

    def _release(self, address: int, size: int) -> None:
        self._known.remove(address)
        self.taken -= size


@contextmanager
def fake_gpu() -> Iterator[Memory]:
    """Tensors made in the block are fake. Numbers that the host asks for are 0; a captured step is computed again."""
    with (
        patch.object(fake_tensor, "CONSTANT_NUMEL_LIMIT", 0),  # or single numbers would be real ones
        patch.object(fake_tensor.FakeTensor, "tolist", lambda self: np.zeros(self.shape, int).tolist(), create=True),
        patch.object(fake_tensor.FakeTensor, "data_ptr", lambda self: 0, create=True),
        patch.object(bias, "causal_lower_right", lambda *lengths: None),  # no fake can be of that class
        patch.object(cuda_graphs, "capture", lambda compute, pool: compute),
        patch.object(pointwise, "has_kernels", lambda device: False),  # Triton takes no fakes
        fake_tensor.FakeTensorMode(allow_non_fake_inputs=True),
        Memory() as memory,
    ):
        yield memory
