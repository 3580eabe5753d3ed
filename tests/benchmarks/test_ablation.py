"""The benchmark of `ablate`: its ratio, and what counts as another answer."""

from __future__ import annotations

import json

import pytest

from benchmarks.ablation import differing, ratio


def passes(*pairs):
    return [{"together": {"seconds": together}, "separate": {"seconds": separate}} for together, separate in pairs]


def test_the_ratio_is_a_geometric_mean_with_students_interval():
    assert ratio(passes((2, 4)), "seconds") == (pytest.approx(0.5), None)
    value, (low, high) = ratio(passes((1, 2), (1, 8), (1, 4)), "seconds")
    assert value == pytest.approx(1 / 4)
    factor = 2 ** (4.302653 / 3**0.5)  # t of two degrees of freedom; the logarithms are ln 2 apart
    assert (low, high) == (pytest.approx(value / factor), pytest.approx(value * factor))


def test_a_missing_answer_is_another_one_and_the_seconds_are_not(tmp_path):
    for way, texts in (("a", ("yes", "no")), ("b", ("yes", "yes")), ("c", ("yes",))):
        path = tmp_path / way / "full" / "responses" / "pope.jsonl"
        path.parent.mkdir(parents=True)
        lines = (
            {"id": str(number), "pass_index": 0, "text": text, "seconds": hash(way)}
            for number, text in enumerate(texts)
        )
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert differing(tmp_path / "a", tmp_path / "a") == 0
    assert differing(tmp_path / "a", tmp_path / "b") == 1
    assert differing(tmp_path / "b", tmp_path / "c") == 1
