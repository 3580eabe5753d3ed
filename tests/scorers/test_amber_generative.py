"""AMBER's descriptions: from text to metrics."""

import pytest

from emma_eval.errors import UserError
from emma_eval.scorers.amber_generative import amber_generative
from tests.fakes import sample
from tests.scorers.helpers import answered, value

pytest.importorskip("textblob")
pytest.importorskip("lemminflect")
LISTS = {
    "association": {"dog": ["puppy"], "grass": [], "cat": ["kitten"], "ball": []},
    "safe_words": frozenset(["ball"]),
}


def test_measures_of_two_descriptions_and_a_missing_one():
    samples = [sample(str(i), ("dog", "grass"), hallu=("cat",), **LISTS) for i in (1, 2, 3)]
    texts = ("Two puppies play with a ball on the grass.", "A cat sits near a dog on a sofa.", None)
    scores = amber_generative(samples, answered(*texts))
    assert [one.parsed_answer for one in scores.samples] == ["puppy, ball, grass", "cat, dog", ""]
    assert [one.score for one in scores.samples] == [1, 0, 0]
    assert value(scores, "chair") == pytest.approx(100 * 1 / 5, abs=0.02)  # the cat, of five nouns that AMBER knows
    assert value(scores, "cover") == pytest.approx(100 * 3 / 6, abs=0.02)
    assert value(scores, "hal") == pytest.approx(100 * 2 / 3, abs=0.02)
    assert value(scores, "cog") == pytest.approx(100 * 1 / 3, abs=0.02)
    assert "NLTK" in scores.notes[0]


def test_the_word_lists_must_be_given():
    with pytest.raises(UserError, match="word lists: give files association and safe_words"):
        amber_generative([sample("1", "dog", hallu=())], answered("A dog."))
