"""streaming_memory.py measures the peaks of both ways; their size is not tested here."""

from __future__ import annotations

import json

import pytest

from benchmarks.streaming_memory import BAR, main


@pytest.mark.slow
def test_both_ways_record_their_peaks(tmp_path):
    output = tmp_path / "memory.json"
    assert main(["--questions=60", f"--output={output}"]) == 0
    record = json.loads(output.read_text())
    assert [way["way"] for way in record["ways"]] == ["engine", "run"]
    for way in record["ways"]:
        peaks = [way["model"], way["first_answer"], *way["quarters"].values(), way["end"]]
        assert list(way["quarters"]) == ["25%", "50%", "75%", "100%"]
        assert peaks == sorted(peaks)
        assert way["beside_model"] == way["end"] - way["model"] < BAR
