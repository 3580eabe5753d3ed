"""One hash over all of a runner in memory that decides how it answers: weights, tokenizer, images, lengths."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from emma_eval.models.multimodal.runner import ModelRunner

PROBE = "A chat. USER: Ünïted 12,345.67 questions?\nASSISTANT:"  # its ids tell tokenizers apart


def runner_fingerprint(runner: ModelRunner[Any]) -> str:
    """The hex SHA-256 over a runner's parameters and buffers, bit by bit, and over what prepares its input.

    It differs from a checkpoint's (`models.fingerprint`), which is over files. Copies one tensor at a time to the CPU.
    """
    total = hashlib.sha256()
    assert isinstance(runner.model, nn.Module)
    facts = (type(runner.model).__name__, runner.processor, sorted(runner.eos_ids), runner.max_length, runner.family)
    more = (runner.max_tokens, runner.template, getattr(runner.model.llama, "sliding_window", None))
    total.update(repr((*facts, *more, *_settings(runner.model.config))).encode())
    total.update(repr(runner.tokenizer.encode_prompt(PROBE)).encode())
    for name, tensor in sorted({**dict(runner.model.named_parameters()), **dict(runner.model.named_buffers())}.items()):
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        total.update(_bytes(tensor))
    return total.hexdigest()


def _settings(config: Any) -> list[str]:
    """The parts of a checkpoint's configuration; where it was read does not matter."""
    values = (getattr(config, field.name) for field in fields(config))
    return [repr(value) for value in values if not isinstance(value, Path | frozenset)]


def _bytes(tensor: Tensor) -> bytes:
    """The tensor's values in memory."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
