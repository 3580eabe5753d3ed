"""The arithmetic of docs/scale.md, computed again from the task files."""

import json
import re
from pathlib import Path

import pytest

from emma_eval.tasks.loading import load_task

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "scale.md").read_text("utf-8")
ROWS = re.findall(r"^\| (group `\w+`|test servers) \| (.*?) \| ([\d,]+) \|", DOCUMENT, re.M)
PASSES = {"mmbench_en": "mmbench_en_emma", "mmbench_cn": "mmbench_cn_emma"}  # whose samples are the circular passes


def number(text: str) -> int:
    return int(text.replace(",", ""))


def counts(text: str) -> dict[str, int]:
    """Task -> requests: `gqa 12,578` or `okvqa, textvqa 5,000 each`."""
    found = {}
    for part in text.split("; "):
        names, _, count = part.removesuffix(" each").rpartition(" ")
        found |= dict.fromkeys(names.split(", "), number(count))
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_requests_are_the_expected_samples(row: tuple[str, str, str]) -> None:
    found = counts(row[1])
    assert sum(found.values()) == number(row[2])
    for name, count in found.items():
        expected = load_task(PASSES.get(name, name)).expected.samples
        assert count in expected or not expected, name  # A-Bench says none


def test_minutes_are_requests_by_the_measured_rate() -> None:
    record = json.loads((ROOT / "results/benchmarks/on-a-gpu-h200.json").read_text())
    rate = record["throughput"]["result"]["scenarios"][0]["measured"][0]["samples_per_second"]
    lines = re.findall(r"^\| .* \| ([\d,]+) \| (\d+) min \| (\d+) min \| ([\d.]+) min \|", DOCUMENT, re.M)
    assert len(lines) == 3
    for requests, *minutes in lines:
        alone = number(requests) / rate / 60
        assert minutes == [f"{alone:.0f}", f"{alone / 8:.0f}", f"{alone / 64:.1f}"]
    assert number(lines[-1][0]) == sum(number(row[2]) for row in ROWS)
