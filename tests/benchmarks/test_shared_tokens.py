"""Shared prompt tokens are computed once: counted for EMMA-7B and LLaVA-1.5-7B at full size, without weights."""

from __future__ import annotations

import pytest

from benchmarks import shared_tokens
from benchmarks.random_model import tokenizer
from benchmarks.shared_tokens import TokenCount, counts, num_distinct_tokens

IMAGES = 12


@pytest.fixture(scope="module")
def token_counts() -> dict[str, TokenCount]:
    return {one.benchmark: one for one in counts(tokenizer(), IMAGES)}


def test_requests_are_those_of_each_benchmark(token_counts: dict[str, TokenCount]):
    assert {name: one.requests / IMAGES for name, one in token_counts.items()} == {
        "mmbench_en": 4,
        "gqa": 32,
        "pope": 18,
    }


@pytest.mark.parametrize(("benchmark", "times"), [("mmbench_en", 3), ("gqa", 10), ("pope", 10)])
def test_sharing_saves_at_least_so_many_times_the_tokens(
    token_counts: dict[str, TokenCount], benchmark: str, times: float
):
    assert token_counts[benchmark].fewer >= times
    assert token_counts[benchmark].passes


def test_computed_tokens_are_within_two_percent_of_the_ideal(token_counts: dict[str, TokenCount]):
    for one in token_counts.values():
        assert one.ideal <= one.computed <= 1.02 * one.ideal


def test_generated_questions_meet_the_bar_of_pope_too(monkeypatch, tmp_path):
    monkeypatch.setattr(shared_tokens, "REAL_POPE", tmp_path / "not there")
    pope = {one.benchmark: one for one in counts(tokenizer(), IMAGES)}["pope"]
    assert pope.questions == "mini suite's generator"
    assert pope.passes


def test_distinct_counts_every_prefix_once():
    assert num_distinct_tokens([(1, 2, 3), (1, 2, 4), (1, 2, 3), (2, 3)]) == 6  # 1, 12, 123, 124, 2, 23
