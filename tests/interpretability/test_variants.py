"""Variants are data: what a file may say, what it is recognised by, and what is refused in one line."""

from __future__ import annotations

import pytest

from emma_eval.errors import UserError
from emma_eval.interpretability.variants import SHIPPED, choose_variants, read_variants


def test_the_shipped_variants_change_one_thing_each():
    for name, variant in read_variants(SHIPPED).items():
        changes = [variant.weights, variant.instruction, variant.image]
        assert sum(change is not None for change in changes) == 1, name


def test_a_definition_is_the_changes_without_the_words(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "variants:\n"
        "  a: {words: one, image: blurred, blur_radius: 0.1}\n"
        "  b: {words: two, image: blurred, blur_radius: 0.1}\n"
        "  c: {words: two, image: blurred, blur_radius: 0.2, weights: text_off}\n"
    )
    mine = choose_variants(str(path))
    assert mine["a"].definition == mine["b"].definition == '{"blur_radius": 0.1, "image": "blurred"}'
    assert mine["c"].definition == '{"blur_radius": 0.2, "image": "blurred", "weights": "text_off"}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{words: x, colour: red}", "unknown key variants.a.colour"),
        ("{words: x, weights: off}", "variants.a.weights: 'alignment_off', 'text_off' or 'image_identity' is expected"),
        ("{words: x}", "variants.a: it changes nothing"),
        ("{words: x, image: blurred}", "variants.a: image: blurred and blur_radius go together"),
        ("{image: blank}", "variants.a.words is missing"),
        ('{image: blank, words: "a\\eb"}', "variants.a.words: a line of printable text is expected"),
        ("{words: x, image: blurred, blur_radius: 0.0}", "variants.a.blur_radius: a number above 0 is expected"),
    ],
)
def test_what_a_file_may_not_say(tmp_path, text, message):
    path = tmp_path / "mine.yaml"
    path.write_text(f"variants:\n  a: {text}\n")
    with pytest.raises(UserError) as caught:
        read_variants(path)
    assert str(caught.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize("name", ["full", "../a", "A b"])
def test_names_are_of_folders_beside_full(tmp_path, name):
    path = tmp_path / "mine.yaml"
    path.write_text(f"variants:\n  '{name}': {{words: x, image: blank}}\n")
    with pytest.raises(UserError, match=r"mine\.yaml: variants"):
        read_variants(path)


def test_words_of_several_lines_are_one(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("variants:\n  a:\n    image: blank\n    words: |\n      one\n      two\n")
    assert read_variants(path)["a"].words == "one two"


def test_shipped_ones_are_chosen_by_name():
    assert list(choose_variants("no_image, full,text_off")) == ["no_image", "text_off"]
    with pytest.raises(UserError, match=r"neither a variant nor a \.yaml file 'text_of'; did you mean 'text_off'"):
        choose_variants("text_of")
    with pytest.raises(UserError, match="names none"):
        choose_variants("full")
