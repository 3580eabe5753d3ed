"""What prompts share is in their trie once, and every token sees its own prompt alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emma_eval.models.llama.attention_mask import TrieBatch
from emma_eval.models.llama.generation import Limits
from emma_eval.models.llama.prefix_trie import (
    ImageSpan,
    PrefixTrie,
    PromptItem,
    Segment,
    build_trie,
    num_slots,
    shared_prefix,
)
from emma_eval.models.multimodal.batching import MultimodalPrompt, collate, truncate
from tests.fakes import LoadedImage, make_image

CAT, DOG = LoadedImage(make_image(seed=1)), LoadedImage(make_image(seed=2))


def span(image: LoadedImage, *instruction: int, num_tokens: int = 3) -> ImageSpan:
    return ImageSpan(image, instruction or None, num_tokens)


def prompt(*items: PromptItem, limit: int = 1) -> MultimodalPrompt:
    return MultimodalPrompt((), None, (), items, Limits(limit))


def visibility(*tries: PrefixTrie, prefix_length: int = 0) -> np.ndarray:
    """(B, L, K) which slots each slot sees, the tries being the rows of a batch."""
    batch = TrieBatch(tries, prefix_length)
    return batch.visibility(torch.arange(batch.length).expand(len(tries), -1)).numpy()


def test_a_small_trie() -> None:
    trie = build_trie([(1, 2, 3), (1, 2, 4, 5), (1, 2), (7,)])
    assert trie.ids().tolist() == [1, 2, 3, 4, 5, 7]
    assert trie.positions().tolist() == [0, 1, 2, 2, 3, 0]
    assert trie.segments == (Segment(0, 3, -1), Segment(3, 5, 1), Segment(5, 6, -1))
    assert trie.last_slots == (2, 4, 1, 5)
    assert visibility(trie)[0].astype(int).tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 0, 1, 0, 0],
        [1, 1, 0, 1, 1, 0],
        [0, 0, 0, 0, 0, 1],
    ]


def test_an_image_takes_a_slot_for_each_of_its_tokens() -> None:
    trie = build_trie([(5, span(CAT), 8), (5, span(CAT), 9)])
    assert trie.ids().tolist() == [5, 0, 0, 0, 8, 9]
    assert trie.positions().tolist() == [0, 1, 2, 3, 4, 4]
    assert trie.images == [span(CAT)]


def test_rows_of_a_batch_see_neither_padding_nor_a_prefix_that_is_not_theirs() -> None:
    without_prefix, whole = build_trie([(1, 2, 3), (1, 2, 4)], prefix_length=2), build_trie([(5, 6, 7)])
    assert visibility(without_prefix, whole, prefix_length=2).astype(int).tolist() == [
        [[1, 1, 1, 0, 0], [1, 1, 0, 1, 0], [1, 1, 0, 0, 1]],
        [[0, 0, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 1, 1, 1]],
    ]


def test_without_a_cached_prefix_positions_go_on_after_it() -> None:
    trie = build_trie([(1, 2, 3), (1, 2, 4)], prefix_length=2)
    assert trie.ids().tolist() == [3, 4]
    assert trie.positions().tolist() == [2, 2]
    assert trie.size == 2


items = st.one_of(st.integers(0, 3), st.builds(span, st.sampled_from([CAT, DOG]), st.integers(0, 1)))


@given(st.lists(st.lists(items, min_size=1, max_size=8), min_size=1, max_size=8))
def test_every_prompt_is_a_path_of_the_trie_and_nothing_is_in_it_twice(prompts: list[list[PromptItem]]) -> None:
    trie = build_trie(prompts)
    first_slot = {placed.slot: placed.item for placed in trie.items}
    for prompt, last_slot in zip(prompts, trie.last_slots, strict=True):
        path = np.flatnonzero(visibility(trie)[0, last_slot])
        assert trie.positions()[path].tolist() == list(range(len(path)))
        assert [first_slot[slot] for slot in path if slot in first_slot] == prompt
    beginnings = {(*map(id_of, prompt[:length]),) for prompt in prompts for length in range(1, len(prompt) + 1)}
    assert len(trie.items) == len(beginnings)
    assert trie.size == sum(num_slots(placed.item) for placed in trie.items)


def id_of(item: PromptItem) -> object:
    return item if isinstance(item, int) else (id(item.image), item.instruction)


@pytest.mark.parametrize(
    ("prompts", "shared"),
    [
        ([(1, 2, 3), (1, 2, 4)], (1, 2)),
        ([(1, 2, span(CAT), 4), (1, 2, span(CAT), 5)], (1, 2)),
        ([(1, 2), (1, 2, 3)], (1,)),
        ([(1, 2), (3, 2)], ()),
        ([(1, 2, 3)], ()),
        ([], ()),
    ],
)
def test_the_shared_prefix_ends_before_the_first_image_and_leaves_each_prompt_something(
    prompts: list[tuple[PromptItem, ...]], shared: tuple[int, ...]
) -> None:
    assert shared_prefix(prompts) == shared


def test_prompts_share_a_row_where_image_and_instruction_are_the_same() -> None:
    prompts = [
        prompt(1, 2, span(CAT, 7), 5),
        prompt(1, 2, span(DOG, 7), 5),
        prompt(1, 2, span(CAT, 7), 6, limit=4),
        prompt(1, 2, span(CAT, 8), 5),
        prompt(1, 2, 9),
        prompt(1, 2, 9),
        prompt(3, span(CAT, 7), 5),
    ]
    rows = collate(prompts, (1, 2))
    assert [row.indices for row in rows] == [(0, 2), (1,), (3,), (4,), (5,), (6,)]
    assert [row.num_tokens for row in rows] == [5, 4, 4, 1, 1, 5]
    assert [row.prefix for row in rows] == [(1, 2)] * 5 + [()]
    assert rows[0].limits == (Limits(1), Limits(4))


def test_a_prompt_is_truncated_at_the_models_length_within_an_image_too() -> None:
    whole = (1, span(CAT, num_tokens=4), 2, 3)
    assert list(truncate(whole, None)) == list(truncate(whole, 7)) == list(whole)
    assert list(truncate(whole, 6)) == [1, span(CAT, num_tokens=4), 2]
    assert list(truncate(whole, 3)) == [1, span(CAT, num_tokens=2)]
    assert list(truncate(whole, 1)) == [1]
