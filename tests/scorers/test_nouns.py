"""Nouns of a description: in order, with repetitions, in the singular."""

import pytest

from emma_eval.scorers.nouns import nouns

pytest.importorskip("textblob")
pytest.importorskip("lemminflect")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("There are two men and a dog on the beach.", ("man", "dog", "beach")),
        ("A woman's glasses lie on the benches near the bus.", ("woman", "glass", "bench", "bus")),
        ("The dogs run over the grass to the trees.", ("dog", "grass", "tree")),
        ("", ()),
    ],
)
def test_nouns_in_the_singular(text, expected):
    assert nouns(text) == expected
