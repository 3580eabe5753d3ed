"""Where the time of a run goes: methods of engine and model are patched with timers.

On a GPU the timers synchronise, which prevents the overlap of stages, so this is a pass of its own, not the timed one.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch

from emma_eval.images.sources import ImageBytes, ImageFile
from emma_eval.models.clip.image_processor import ImageProcessor
from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.mplug_owl2.model import MPlugOwl2Model
from emma_eval.models.multimodal.runner import ModelRunner

PREFETCH = (
    ("decode", ImageFile, "open"),
    ("decode", ImageBytes, "open"),
    ("preprocess", ImageProcessor, "pixels_uint8"),
)
ON_DEVICE = (
    ("vision", EmmaModel, "encode_images"),
    ("vision", MPlugOwl2Model, "encode_images"),
    ("prefill", ModelRunner, "prefill"),
    ("generate", ModelRunner, "generate"),
)

Seconds = dict[str, list[float]]  # of each call, by stage


def shares(work: Callable[[], float], device: torch.device) -> dict[str, dict[str, float]]:
    """Run `work`, which returns the seconds it waited for images and prompts.

    Returns shares of the wall time: `device`, whose stages are sequential and add up to 1, and `ahead`, the CPU time
    of the prefetching threads (more than 1 if several are busy).
    """
    start = time.perf_counter()
    with timed(device) as seconds:
        waiting = work()
    wall = time.perf_counter() - start
    spent = {stage: sum(calls) for stage, calls in seconds.items()}
    vision, prefill, generate = spent["vision"], spent["prefill"], spent["generate"]  # each includes the one before
    on_device = {
        "vision": vision,
        "prefill": prefill - vision,
        "generation": generate - prefill,
        "waiting": waiting,
        "other": wall - generate - waiting,
    }
    return {
        "device": {stage: taken / wall for stage, taken in on_device.items()},
        "ahead": {stage: spent[stage] / wall for stage in ("decode", "preprocess")},
    }


@contextmanager
def timed(device: torch.device) -> Iterator[Seconds]:
    """Time every stage while the block runs."""
    seconds: Seconds = defaultdict(list)

    def synchronized_clock() -> float:
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter()

    with ExitStack() as patches:
        for clock, stages in ((time.thread_time, PREFETCH), (synchronized_clock, ON_DEVICE)):
            for stage, owner, name in stages:
                wrapped = _timed(getattr(owner, name), seconds[stage], clock)
                patches.enter_context(patch.object(owner, name, wrapped))
        yield seconds


def _timed(method: Callable[..., Any], calls: list[float], clock: Callable[[], float]) -> Callable[..., Any]:
    def timed_method(*args: Any, **options: Any) -> Any:
        start = clock()
        try:
            return method(*args, **options)
        finally:
            calls.append(clock() - start)

    return timed_method
