"""How long EMMA's alignment path takes beside plain LLaVA's way from image features to embeddings, on this device.

Times depend on shapes, not on values: the modules get random weights, and a folder with config.json alone is enough.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from emma_eval.models.checkpoints.devices import choose_device, choose_dtype, prepare_device
from emma_eval.models.clip.model import ClipTowers
from emma_eval.models.clip.text_tokenizer import CONTEXT_LENGTH
from emma_eval.models.emma.model import EmmaModel
from emma_eval.utils.records import Record

WARM_UP = 5  # calls that are not counted
RESAMPLES = 2000
LEVEL = 0.95


class Timing(Record):
    """Milliseconds of one image and one instruction: the median, and its bootstrap interval."""

    median: float
    low: float
    high: float


class Latency(Record):
    """The alignment path against plain LLaVA's; repeats alternate between the two."""

    device: str
    dtype: str
    threads: int
    repeats: int
    text: Timing  # encode_instructions: text tower and text projection
    align: Timing  # infusion W, and learnable tokens
    alignment_path: Timing  # both
    plain: Timing  # plain LLaVA's embed_images: the projector
    ratio: Timing  # of the path to plain, repeat by repeat; no milliseconds


def measure_latency(
    model: EmmaModel, device: str | None, dtype: str | None, stored: str, repeats: int
) -> Latency | None:
    """Time a model of the meta device, whose towers, alignment and projector are moved; None for plain LLaVA.

    Raises UserError for a device that is not in this machine.
    """
    if model.alignment is None or model.config.alignment is None or not isinstance(model.towers, ClipTowers):
        return None
    place = choose_device(device)
    number_type = choose_dtype(dtype, place, stored)
    prepare_device(place, number_type)
    towers, alignment, projector = model.towers, model.alignment, model.projector
    assert towers.text is not None
    generator = torch.Generator(place).manual_seed(0)
    for module in (towers.text, alignment, projector):
        _fill(module, place, number_type, generator)
    positions = model.config.alignment.text_positions
    ids = torch.randint(
        0, towers.text.token_embedding.num_embeddings, (1, CONTEXT_LENGTH), generator=generator, device=place
    )
    shape = 1, towers.num_patches, towers.vision_width
    vision = torch.randn(shape, generator=generator, device=place).to(number_type)

    def encode() -> Tensor:
        return alignment.project_text(towers.text_features(ids)[:, positions])

    with torch.inference_mode():
        text = encode()
        calls: tuple[Callable[[], object], ...] = (
            encode,
            lambda: alignment(vision, text),
            lambda: projector(vision),
        )
        times = np.array([[_milliseconds(call, place) for call in calls] for _ in range(WARM_UP + repeats)])[WARM_UP:]
    path = times[:, 0] + times[:, 1]
    columns = (times[:, 0], times[:, 1], path, times[:, 2], path / times[:, 2])
    of_text, of_align, of_path, of_plain, ratio = (median_with_interval(column) for column in columns)
    return Latency(
        device=torch.cuda.get_device_name(place) if place.type == "cuda" else str(place),
        dtype=str(number_type).removeprefix("torch."),
        threads=torch.get_num_threads(),
        repeats=repeats,
        text=of_text,
        align=of_align,
        alignment_path=of_path,
        plain=of_plain,
        ratio=ratio,
    )


def median_with_interval(values: Sequence[float] | np.ndarray[tuple[int], np.dtype[np.float64]]) -> Timing:
    """The median of values (n,), and the percentile bootstrap's interval of it (Efron and Tibshirani 1993), seeded."""
    sample = np.asarray(values)
    drawn = np.random.default_rng(0).choice(sample, size=(RESAMPLES, len(sample)))
    # The interval is of the median over repeats on one machine, not of other machines.
    low, high = np.quantile(np.median(drawn, axis=1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Timing(median=float(np.median(sample)), low=float(low), high=float(high))


def _fill(module: nn.Module, device: torch.device, dtype: torch.dtype, generator: torch.Generator) -> None:
    module.to(dtype).to_empty(device=device).eval().requires_grad_(False)
    for parameter in module.parameters():
        parameter.normal_(std=0.02, generator=generator)


def _milliseconds(call: Callable[[], object], device: torch.device) -> float:
    _wait(device)
    start = time.perf_counter()
    call()
    _wait(device)
    return 1000 * (time.perf_counter() - start)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
