"""What prompts share stands in their tree once, and every token sees its own prompt alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emma_eval.models.emma.batching import MultimodalPrompt, as_rows, cut
from emma_eval.models.llama.attention_mask import Layout
from emma_eval.models.llama.prefix_trie import Branch, ImageSpan, Item, Tree, common_start, weave, width
from tests.fakes import LoadedImage as Shown
from tests.fakes import make_image

CAT, DOG = Shown(make_image(seed=1)), Shown(make_image(seed=2))


def seen(image: Shown, *instruction: int, rows: int = 3) -> ImageSpan:
    return ImageSpan(image, instruction or None, rows)


def prompt(*items: Item, limit: int = 1) -> MultimodalPrompt:
    return MultimodalPrompt((), None, (), items, limit)


def ways(*trees: Tree, start: int = 0) -> np.ndarray:
    """(B, L, K) what each slot sees, where the trees are the rows of a batch."""
    layout = Layout(trees, start)
    return layout.seen(torch.arange(layout.length).expand(len(trees), -1)).numpy()


def test_a_small_tree() -> None:
    tree = weave([(1, 2, 3), (1, 2, 4, 5), (1, 2), (7,)])
    assert tree.ids().tolist() == [1, 2, 3, 4, 5, 7]
    assert tree.positions().tolist() == [0, 1, 2, 2, 3, 0]
    assert tree.branches == (Branch(0, 3, -1), Branch(3, 5, 1), Branch(5, 6, -1))
    assert tree.ends == (2, 4, 1, 5)
    assert ways(tree)[0].astype(int).tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [1, 1, 0, 1, 0, 0],
        [1, 1, 0, 1, 1, 0],
        [0, 0, 0, 0, 0, 1],
    ]


def test_a_image_takes_a_slot_for_each_of_its_rows() -> None:
    tree = weave([(5, seen(CAT), 8), (5, seen(CAT), 9)])
    assert tree.ids().tolist() == [5, 0, 0, 0, 8, 9]
    assert tree.positions().tolist() == [0, 1, 2, 3, 4, 4]
    assert tree.images == [seen(CAT)]


def test_rows_of_a_batch_see_neither_padding_nor_a_beginning_that_is_not_theirs() -> None:
    behind, whole = weave([(1, 2, 3), (1, 2, 4)], start=2), weave([(5, 6, 7)])
    assert ways(behind, whole, start=2).astype(int).tolist() == [
        [[1, 1, 1, 0, 0], [1, 1, 0, 1, 0], [1, 1, 0, 0, 1]],
        [[0, 0, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 1, 1, 1]],
    ]


def test_behind_a_beginning_that_was_read_before() -> None:
    tree = weave([(1, 2, 3), (1, 2, 4)], start=2)
    assert tree.ids().tolist() == [3, 4]
    assert tree.positions().tolist() == [2, 2]
    assert tree.size == 2


items = st.one_of(st.integers(0, 3), st.builds(seen, st.sampled_from([CAT, DOG]), st.integers(0, 1)))


@given(st.lists(st.lists(items, min_size=1, max_size=8), min_size=1, max_size=8))
def test_every_prompt_can_be_read_off_the_tree_and_nothing_is_in_it_twice(prompts: list[list[Item]]) -> None:
    tree = weave(prompts)
    first_slot = {slot: item for item, slot, _ in tree.items}
    for asked, end in zip(prompts, tree.ends, strict=True):
        way = np.flatnonzero(ways(tree)[0, end])
        assert tree.positions()[way].tolist() == list(range(len(way)))
        assert [first_slot[slot] for slot in way if slot in first_slot] == asked
    beginnings = {(*map(id_of, asked[:length]),) for asked in prompts for length in range(1, len(asked) + 1)}
    assert len(tree.items) == len(beginnings)
    assert tree.size == sum(width(item) for item, _, _ in tree.items)


def id_of(item: Item) -> object:
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
    prompts: list[tuple[Item, ...]], shared: tuple[int, ...]
) -> None:
    assert common_start(prompts) == shared


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
    rows = as_rows(prompts, (1, 2))
    assert [row.indices for row in rows] == [(0, 2), (1,), (3,), (4,), (5,), (6,)]
    assert [row.num_tokens for row in rows] == [5, 4, 4, 1, 1, 5]
    assert [row.prefix for row in rows] == [(1, 2)] * 5 + [()]
    assert rows[0].max_new_tokens == (1, 4)


def test_a_sequence_is_cut_at_the_models_length_within_a_image_too() -> None:
    whole = (1, seen(CAT, rows=4), 2, 3)
    assert list(cut(whole, None)) == list(cut(whole, 7)) == list(whole)
    assert list(cut(whole, 6)) == [1, seen(CAT, rows=4), 2]
    assert list(cut(whole, 3)) == [1, seen(CAT, rows=2)]
    assert list(cut(whole, 1)) == [1]
