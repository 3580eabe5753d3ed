"""The section on attention: means over samples, what is compared, and the maps."""

from __future__ import annotations

import numpy as np
import pytest

from emma_eval.errors import UserError
from emma_eval.interpretability.ablated_model import with_weights
from emma_eval.interpretability.analysis.attention import AttentionBuilder, relative
from emma_eval.interpretability.analysis.subject import shown_items
from emma_eval.interpretability.attention import measure_attention
from emma_eval.interpretability.token_kinds import KIND_WORDS, KINDS
from tests.interpretability.analysis.subjects import LLAVA, TASK, drawn, load, questions, subject
from tests.tiny_mplug_owl2 import TinyMPlugOwl2


@pytest.fixture(scope="module")
def emma(tmp_path_factory):
    return load(tmp_path_factory.mktemp("emma"))


@pytest.fixture(scope="module")
def llava(tmp_path_factory):
    return load(tmp_path_factory.mktemp("llava"), LLAVA)


def columns(table, name):
    """A column by its head."""
    return [row[table.columns.index(name)] for row in table.rows]


def attention_by_hand(runner, about, read_by=None):
    """(samples, layers, kinds): of what `runner` answers, read by it or another."""
    requests = [item.request for item in about.items]
    answers = {
        index: tuple(token for token in one.token_ids if token not in runner.eos_ids)
        for index, one in enumerate(runner.ask(requests))
    }
    found = dict(measure_attention(read_by or runner, requests, answers, 1))
    return np.array([found[index].by_kind for index in range(len(requests))])


def test_the_tables_are_means_over_samples_and_the_difference_is_to_alignment_off(emma):
    about = subject(emma, questions(2))
    section = AttentionBuilder(about).finish()
    kinds, layers = section.tables
    full = attention_by_hand(emma, about)
    off = attention_by_hand(emma, about, with_weights(emma, "alignment_off"))
    assert np.abs(full - off).max() > 0.01
    assert columns(kinds, "kind") == [KIND_WORDS[kind] for kind in KINDS]
    np.testing.assert_allclose(columns(kinds, "attention, %"), 100 * full.mean(axis=(0, 1)), atol=1e-3)
    np.testing.assert_allclose(columns(kinds, "attention off, %"), 100 * off.mean(axis=(0, 1)), atol=1e-3)
    np.testing.assert_allclose(columns(kinds, "difference, points"), 100 * (full - off).mean(axis=(0, 1)), atol=1e-3)
    assert columns(layers, "layer") == [1] * len(KINDS) + [2] * len(KINDS)
    np.testing.assert_allclose(columns(layers, "attention, %"), 100 * full.mean(axis=0).ravel(), atol=1e-3)
    assert sum(columns(kinds, "attention, %")) == pytest.approx(100, abs=1e-3)


def test_attention_to_a_token_is_in_multiples_of_an_even_share(emma):
    """Of one sample: its share over how many of the tokens that a row sees are of the kind."""
    (table, _) = AttentionBuilder(subject(emma, questions(1)[:1])).finish().tables
    tokens, shares = (np.array(columns(table, name)) for name in ("tokens", "attention, %"))
    evens = columns(table, "of a token, x even")
    for number, share in enumerate(shares):
        if tokens[number]:
            assert evens[number] == pytest.approx(share / 100 / (tokens[number] / tokens.sum()), rel=1e-6)
        else:
            assert evens[number] is None


def test_a_model_without_alignment_is_compared_with_nothing(llava):
    section = AttentionBuilder(subject(llava, questions(2))).finish()
    assert not [column for column in section.tables[0].columns if "off" in column]
    assert list(section.arrays) == ["mean map, as trained"]
    assert "alignment" not in " ".join(section.sentences + section.limits)


def test_mplug_owl2_has_no_patches_to_draw_a_map_over(tmp_path):
    about = subject(load(tmp_path, TinyMPlugOwl2()), questions(2))
    section = AttentionBuilder(about).finish()
    full = attention_by_hand(about.runner, about)
    np.testing.assert_allclose(columns(section.tables[0], "attention, %"), 100 * full.mean(axis=(0, 1)), atol=1e-3)
    assert [figure.name for figure in section.figures] == ["layers"]
    assert section.sentences[-1].startswith("No heat maps: the visual tokens of this model are not the patches")


def test_the_maps_lie_over_the_image_as_the_model_saw_it(emma):
    """The images are 50 x 30 pixels, which is padded to a square."""
    section = AttentionBuilder(subject(emma, questions(2), shown=("1b",))).finish()
    assert [figure.name for figure in section.figures] == ["layers", "mean-map", "maps-chosen-samples"]
    (one,) = section.figures[-1].draw.args[0]
    assert one.label.startswith(f"{TASK} 1b: How many are there?")
    assert one.image.shape == (28, 28, 3)
    assert one.image[0, 0].tolist() == one.image[-1, -1].tolist() == [122, 116, 104]
    assert list(one.maps) == ["all layers", "layer 1", "layer 2", "alignment off"]
    for values, share in one.maps.values():
        assert values.shape == (4, 4)
        assert values.mean() == pytest.approx(1)
        assert 0 < share < 1
    assert all(image.startswith(b"\x89PNG") for image in drawn(section).values())


def test_the_first_samples_of_each_task_are_shown_unless_others_are_chosen(emma):
    items = questions(3)
    assert shown_items(subject(emma, items)) == {TASK: [0, 1, 2]}
    assert shown_items(subject(emma, items, shown=(f"{TASK}:2a", "0b"))) == {"chosen samples": [4, 1]}
    with pytest.raises(UserError, match="--show 9 is not analyzed: it has several images"):
        shown_items(subject(emma, items, shown=("9",)))


def test_even_attention_is_one_everywhere():
    assert relative(np.array([0.1, 0.3])).tolist() == pytest.approx([0.5, 1.5])
    assert relative(np.zeros(3)).tolist() == [0, 0, 0]
