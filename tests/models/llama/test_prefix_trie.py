"""What prompts share stands in their trie once, and every token sees its own prompt alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emma_eval.models.llama.attention_mask import TrieBatch
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
from tests.fakes import LoadedImage as Shown
from tests.fakes import make_image

CAT, DOG = Shown(make_image(seed=1)), Shown(make_image(seed=2))


def seen(image: Shown, *instruction: int, rows: int = 3) -> ImageSpan:
    return ImageSpan(image, instruction or None, rows)


def prompt(*items: PromptItem, limit: int = 1) -> MultimodalPrompt:
    return MultimodalPrompt((), None, (), items, limit)


def ways(*tries: PrefixTrie, prefix_length: int = 0) -> np.ndarray:
    """(B, L, K) what each slot sees, where the tries are the rows of a batch."""
    layout = TrieBatch(tries, prefix_length)
    return layout.visibility(torch.arange(layout.length).expand(len(tries), -1)).numpy()


def test_a_small_tree() -> None:
    trie = build_trie([(1, 2, 3), (1, 2, 4, 5), (1, 2), (7,)])
    assert trie.ids().tolist() == [1, 2, 3, 4, 5, 7]
    assert trie.positions().tolist() == [0, 1, 2, 2, 3, 0]
    assert trie.segments == (Segment(0, 3, -1), Segment(3, 5, 1), Segment(5, 6, -1))
    assert trie.last_slots == (2, 4, 1, 5)
    assert ways(trie)[0].astype(int).tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 0, 1, 0, 0],
        [1, 1, 0, 1, 1, 0],
        [0, 0, 0, 0, 0, 1],
    ]


def test_a_image_takes_a_slot_for_each_of_its_rows() -> None:
    trie = build_trie([(5, seen(CAT), 8), (5, seen(CAT), 9)])
    assert trie.ids().tolist() == [5, 0, 0, 0, 8, 9]
    assert trie.positions().tolist() == [0, 1, 2, 3, 4, 4]
    assert trie.images == [seen(CAT)]


def test_rows_of_a_batch_see_neither_padding_nor_a_beginning_that_is_not_theirs() -> None:
    behind, whole = build_trie([(1, 2, 3), (1, 2, 4)], prefix_length=2), build_trie([(5, 6, 7)])
    assert ways(behind, whole, prefix_length=2).astype(int).tolist() == [
        [[1, 1, 1, 0, 0], [1, 1, 0, 1, 0], [1, 1, 0, 0, 1]],
        [[0, 0, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 1, 1, 1]],
    ]


def test_behind_a_beginning_that_was_read_before() -> None:
    trie = build_trie([(1, 2, 3), (1, 2, 4)], prefix_length=2)
    assert trie.ids().tolist() == [3, 4]
    assert trie.positions().tolist() == [2, 2]
    assert trie.size == 2


items = st.one_of(st.integers(0, 3), st.builds(seen, st.sampled_from([CAT, DOG]), st.integers(0, 1)))


@given(st.lists(st.lists(items, min_size=1, max_size=8), min_size=1, max_size=8))
def test_every_prompt_can_be_read_off_the_tree_and_nothing_is_in_it_twice(prompts: list[list[PromptItem]]) -> None:
    trie = build_trie(prompts)
    first_slot = {placed.slot: placed.item for placed in trie.items}
    for asked, end in zip(prompts, trie.last_slots, strict=True):
        way = np.flatnonzero(ways(trie)[0, end])
        assert trie.positions()[way].tolist() == list(range(len(way)))
        assert [first_slot[slot] for slot in way if slot in first_slot] == asked
    beginnings = {(*map(id_of, asked[:length]),) for asked in prompts for length in range(1, len(asked) + 1)}
    assert len(trie.items) == len(beginnings)
    assert trie.size == sum(num_slots(placed.item) for placed in trie.items)


def id_of(item: PromptItem) -> object:
    return item if isinstance(item, int) else (id(item.image), item.instruction)


@pytest.mark.parametrize(
    ("prompts", "shared"),
    [
        ([(1, 2, 3), (1, 2, 4)], (1, 2)),
        ([(1, 2, seen(CAT), 4), (1, 2, seen(CAT), 5)], (1, 2)),
        ([(1, 2), (1, 2, 3)], (1,)),
        ([(1, 2), (3, 2)], ()),
        ([(1, 2, 3)], ()),
        ([], ()),
    ],
)
def test_the_common_start_ends_before_the_first_image_and_leaves_each_prompt_something(
    prompts: list[tuple[PromptItem, ...]], shared: tuple[int, ...]
) -> None:
    assert shared_prefix(prompts) == shared


def test_prompts_on_the_same_image_share_a_row_as_the_same_instruction_shapes_it() -> None:
    prompts = [
        prompt(1, 2, seen(CAT, 7), 5),
        prompt(1, 2, seen(DOG, 7), 5),
        prompt(1, 2, seen(CAT, 7), 6, limit=4),
        prompt(1, 2, seen(CAT, 8), 5),
        prompt(1, 2, 9),
        prompt(1, 2, 9),
        prompt(3, seen(CAT, 7), 5),
    ]
    rows = collate(prompts, (1, 2))
    assert [row.indices for row in rows] == [(0, 2), (1,), (3,), (4,), (5,), (6,)]
    assert [row.num_tokens for row in rows] == [5, 4, 4, 1, 1, 5]
    assert [row.prefix for row in rows] == [(1, 2)] * 5 + [()]
    assert rows[0].max_new_tokens == (1, 4)


def test_a_sequence_is_cut_at_the_models_length_within_a_image_too() -> None:
    whole = (1, seen(CAT, rows=4), 2, 3)
    assert list(truncate(whole, None)) == list(truncate(whole, 7)) == list(whole)
    assert list(truncate(whole, 6)) == [1, seen(CAT, rows=4), 2]
    assert list(truncate(whole, 3)) == [1, seen(CAT, rows=2)]
    assert list(truncate(whole, 1)) == [1]
