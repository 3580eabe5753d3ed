"""The edit distance that selects an option: exact, and fast for long answers."""

import time

from hypothesis import given
from hypothesis import strategies as st

from emma_eval.scorers.mathvista import edit_distance

FEW = st.text("abc\u00e9", max_size=20)


def by_the_table(a, b):
    """Levenshtein's distance as it is defined, a cell at a time."""
    row = list(range(len(b) + 1))
    for i, char in enumerate(a, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(b, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (char != other))
    return row[-1]


@given(FEW, FEW)
def test_it_is_levenshteins(a, b):
    assert edit_distance(a, b) == edit_distance(b, a) == by_the_table(a, b)


def test_a_pattern_longer_than_a_machine_word():
    a, b = "ab" * 100, "ba" * 90 + "c"
    assert edit_distance(a, b) == by_the_table(a, b)


def test_one_long_answer_takes_a_moment():
    began = time.process_time()
    assert edit_distance("an option of some words", "so it goes on " * 10_000) > 100_000
    assert time.process_time() - began < 5
