"""Mistral's configuration and its sliding window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import MistralConfig as TransformersConfig

from emma_eval.models.checkpoints.hf_config import parse_config
from emma_eval.models.llama.attention_mask import TrieBatch
from emma_eval.models.llama.config import MistralConfig
from emma_eval.models.llama.prefix_trie import build_trie

PROMPT = st.lists(st.integers(0, 2), min_size=1, max_size=6)


def test_missing_keys_have_the_defaults_of_transformers() -> None:
    ours, theirs = parse_config(MistralConfig, {}, Path("config.json")), TransformersConfig()
    names = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    for name in (*names, "num_key_value_heads", "rms_norm_eps", "sliding_window", "tie_word_embeddings"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.head_dim == 128


def test_a_window_of_null_is_none() -> None:
    assert parse_config(MistralConfig, {"sliding_window": None}, Path("config.json")).sliding_window is None
    assert parse_config(MistralConfig, {"head_dim": None}, Path("config.json")).sliding_window == 4096


@given(st.lists(PROMPT, min_size=1, max_size=5), st.integers(1, 9), st.integers(0, 3))
def test_a_token_sees_its_window_of_what_it_sees_without_one(
    prompts: list[list[int]], window: int, prefix_length: int
) -> None:
    """Query i sees keys j with 0 <= i - j < W, i and j counted in the prompt and not in slots."""
    whole = [[7] * prefix_length + prompt for prompt in prompts]
    tries = [build_trie(whole, prefix_length), build_trie(prompts)]  # a row behind the prefix and one without it

    def visibility(sliding_window: int | None) -> np.ndarray:
        batch = TrieBatch(tries, prefix_length, sliding_window)
        return batch.visibility(torch.arange(batch.length).expand(2, -1)).numpy()

    everything, seen = visibility(None), visibility(window)
    for row, trie in enumerate(tries):
        positions = [*range(prefix_length), *trie.positions().tolist()]
        for query in range(trie.size):
            for key, position in enumerate(positions):
                near = positions[prefix_length + query] - position < window
                assert seen[row, query, key] == (everything[row, query, key] and near)
    batch = TrieBatch([build_trie(whole[:1], prefix_length)], prefix_length, window)
    assert batch.is_causal == (window >= len(whole[0]))
