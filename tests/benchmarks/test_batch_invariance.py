"""batch_invariance.py: float32 is exact, and differences are counted and compared with the bars."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from benchmarks.batch_invariance import Difference, main, within_bars


@pytest.mark.slow
def test_float32_is_exact_and_every_task_is_scored_twice(tmp_path):
    output = tmp_path / "invariance.json"
    arguments = ["--tasks=vqav2_mini,mmbench_mini", "--limit=5", "--dtypes=float32,bfloat16", "--device=cpu"]
    assert main([*arguments, f"--output={output}"]) == 0
    record = json.loads(output.read_text())
    rows = {(row["dtype"], row["task"]): row for row in record["tasks"]}
    assert len(rows) == 4
    assert rows["float32", "mmbench_mini"]["requests"] == 20  # four passes each
    for row in rows.values():
        assert row["change"] == row["batched"] - row["alone"]
        assert row["share"] == row["different"] / row["requests"]
        assert row["dtype"] != "float32" or (row["different"], row["change"]) == (0, 0)


HALF = Difference("bfloat16", "vqav2", 1000, 3, "accuracy", 70.0, 70.1)


@pytest.mark.parametrize(
    ("found", "device", "within"),
    [
        (HALF, "cuda", True),
        (replace(HALF, different=4), "cuda", False),
        (replace(HALF, different=4), "cpu", True),  # a CPU's half precision has no bar
        (replace(HALF, dtype="float32", different=1), "cpu", False),
    ],
)
def test_bars_hold_for_float32_and_on_a_gpu_for_half_precision(found: Difference, device: str, within: bool):
    assert within_bars([found], device) is within
