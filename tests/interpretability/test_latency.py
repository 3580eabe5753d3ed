"""Which calls are timed, and what becomes of their times; the clock is the test's."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from emma_eval.interpretability import latency
from emma_eval.interpretability.architecture import build_skeleton
from emma_eval.interpretability.latency import WARM_UP, measure_latency, median_with_interval
from tests.tiny_checkpoint import TinyCheckpoint


@pytest.mark.parametrize("version", ["v1", "v3"])
def test_the_warm_up_is_dropped_and_the_path_is_the_sum_of_its_two_calls(tmp_path, monkeypatch, version):
    model = build_skeleton(TinyCheckpoint(version=version).write(tmp_path)).model
    shapes, number = [], itertools.count()

    def timed(call, device):
        shapes.append(tuple(call().shape))
        return (
            100.0
            if next(number) < 3 * WARM_UP
            else {77: 3.0, 16: 1.0}[shapes[-1][1]] * (2 if shapes[-1][2] == 32 else 1)
        )

    monkeypatch.setattr(latency, "_milliseconds", timed)
    found = measure_latency(model, "cpu", None, "float16", 4)
    assert shapes == (4 + WARM_UP) * [(1, 77, 24), (1, 16, 24), (1, 16, 32)]
    assert (found.text.median, found.align.median, found.alignment_path.median, found.plain.median) == (3, 1, 4, 2)
    assert (found.ratio.low, found.ratio.median, found.ratio.high) == (2, 2, 2)
    assert (found.repeats, found.device, found.dtype) == (4, "cpu", "float32")


def test_a_call_takes_the_time_that_passes(monkeypatch):
    clock = iter([1.0, 1.25])
    monkeypatch.setattr(latency.time, "perf_counter", lambda: next(clock))
    assert latency._milliseconds(lambda: None, torch.device("cpu")) == 250


def test_plain_llava_has_no_alignment_to_time(tmp_path):
    checkpoint = TinyCheckpoint(alignment=False, version=None, text_layer=None, text_feature=None)
    assert measure_latency(build_skeleton(checkpoint.write(tmp_path)).model, "cpu", None, "float32", 2) is None


def test_the_interval_of_a_median_is_that_of_its_order_statistics():
    """Of 101 values the ranks 101 / 2 -+ 1.96 sqrt(101) / 2: the 41st and the 61st."""
    found = median_with_interval(np.arange(1.0, 102.0))
    assert found.median == 51
    assert found.low == pytest.approx(41, abs=1)
    assert found.high == pytest.approx(61, abs=1)
