"""Questions without an image: the answer is the only right option, by what everybody knows or by the hint."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

from emma_eval.mini.items import Item, belongings, knowledge
from emma_eval.mini.world import COLORS, SHAPES

CORNERS = {"circle": "no", "triangle": "three", "square": "four"}
IS_A = {
    "color": set(COLORS).__contains__,
    "shape": set(SHAPES).__contains__,
    "number": str.isdecimal,
    "place": re.compile(r"(top|bottom) (left|right)").fullmatch,
    "name": re.compile(r"Ann|Ben|Cal|Dee").fullmatch,
}


def drawn(kind: str) -> Iterator[Item]:
    items = (knowledge(random.Random(seed)) for seed in range(600))
    return (item for item in items if item.kind == kind)


def test_one_option_alone_is_of_the_kind_of_word_asked_for():
    for item in drawn("words"):
        asked = item.question.removeprefix("Which of these is a ").removesuffix("?")
        assert [option for option in item.options if IS_A[asked](option)] == [item.answer]


def test_the_shape_with_so_many_corners_is_the_answer():
    for item in drawn("geometry"):
        corners = item.question.split()[3]
        assert [option for option in item.options if CORNERS.get(option) == corners] == [item.answer]


def test_the_largest_or_smallest_number_is_the_answer():
    for item in drawn("numbers"):
        extreme = max if "largest" in item.question else min
        assert item.answer == str(extreme(map(int, item.options)))


def test_options_are_two_to_four_and_no_letter_is_preferred():
    items = [knowledge(random.Random(seed)) for seed in range(600)]
    assert {len(item.options) for item in items} == {2, 3, 4}
    assert all(len(set(item.options)) == len(item.options) for item in items)
    of_four = [item.letter for item in items if len(item.options) == 4]
    assert all(0.15 < of_four.count(letter) / len(of_four) < 0.35 for letter in "ABCD")


def test_belongings_are_told_in_the_hint():
    for seed in range(200):
        item = belongings(random.Random(seed))
        owner_of = {name: owner for owner, name in re.findall(r"(\w+) has a (\w+ \w+)\.", item.hint)}
        if item.question.startswith("Who"):
            name = item.question.removeprefix("Who has the ").removesuffix("?")
            assert item.answer == owner_of[name]
        else:
            owner = item.question.split()[2]
            assert owner_of[item.answer] == owner
