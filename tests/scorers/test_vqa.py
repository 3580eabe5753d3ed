"""VQA accuracy and its official quirks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emma_eval.errors import UserError
from emma_eval.scorers.vqa import consensus, vqa, vqa_m4c
from tests.fakes import sample
from tests.scorers.helpers import answered, value

KINDS = {"answer_type": "other", "question_type": "what"}


def score(references, prediction, **meta):
    return vqa([sample("1", tuple(references), **KINDS, **meta)], answered(prediction)).samples[0]


@pytest.mark.parametrize(
    ("agreeing", "expected_score"),
    [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)],
)
def test_credit_is_the_mean_over_annotators_of_a_third_for_each_agreeing_other(agreeing, expected_score):
    references = ["cat"] * agreeing + [f"thing {i}" for i in range(10 - agreeing)]
    assert score(references, "cat").score == pytest.approx(expected_score)


def test_when_all_truths_agree_nothing_is_normalised():
    assert score(["yes"] * 10, "Yes").score == 0
    assert score(["Yes "] * 10, "Yes").score == 1  # but for stripping
    assert score(["yes"] * 9 + ["no"], "Yes").score == 1


def test_answers_without_ids_remove_each_other():
    alike = {"answer_keys": ("maybe",) * 10}
    assert score(["cat"] * 10, "cat").score == 1
    assert score(["cat"] * 10, "cat", **alike).score == 0
    assert score(["cat"] * 9 + ["dog"], "cat", **alike).score == 0.1  # the dog finds nine cats, each cat none


def test_a_question_standing_twice_is_normalised_twice_and_scored_by_its_last_truth():
    first = sample("1", ("dog",) * 10, **KINDS)
    last = sample("1", ("Cat",) * 9 + ("cat",), **KINDS)
    scores = vqa([first, last], answered("CAT"))
    # visit 1 normalises; visit 2 finds all references equal, so that the answer is not normalised any more
    assert [one.score for one in scores.samples] == [1.0, 0.0]


def test_llavas_processor_goes_first():
    references = ("king's cup",) * 9 + ("cup",)
    samples = [sample("1", references, **KINDS)]
    assert vqa(samples, answered("king's cup")).samples[0].score == 1
    assert vqa(samples, answered("king's cup"), processor="llava").samples[0].score == 0


def test_a_missing_answer_is_wrong_even_where_nothing_is_the_truth():
    references = ("a",) * 9 + ("the",)  # all normalise to nothing
    samples = [sample("1", references, **KINDS)]
    assert vqa(samples, answered("")).samples[0].score == 1
    missing = vqa(samples, {}).samples[0]
    assert (missing.score, missing.status) == (0.0, "missing")


def test_breakdowns_are_by_answer_type_and_question_type():
    samples = [
        sample("1", ("cat", "dog") * 5, answer_type="other", question_type="what"),
        sample("2", ("yes", "no") * 5, answer_type="yes/no", question_type="is"),
    ]
    scores = vqa(samples, answered("cat", "maybe"))
    assert value(scores) == 50
    assert value(scores, group="answer_type", category="other") == 100
    assert value(scores, group="question_type", category="is") == 0


def test_a_truth_held_back_is_the_users_mistake():
    with pytest.raises(UserError, match="'1' has no reference answer"):
        vqa([sample("1", (), **KINDS)], answered("cat"))


def test_m4c_normalises_always_and_counts_equal_answers_one_by_one():
    samples = [sample("1", ("Yes",) * 10, answer_keys=("maybe",) * 10)]
    assert value(vqa_m4c(samples, answered("yes"))) == 1


words = st.sampled_from(["a", "b", "c"])


@given(st.lists(st.tuples(words, st.integers(0, 2)), min_size=1, max_size=12), words, st.booleans())
def test_counting_gives_what_comparing_all_pairs_gives(records, prediction, with_ids):
    """The official tool's two loops over dictionaries, against one count."""
    dicts = [{"answer": text, "confidence": n} | ({"id": i} if with_ids else {}) for i, (text, n) in enumerate(records)]
    expected_score = 0.0
    for one in dicts:
        others = [other for other in dicts if other != one]
        expected_score += min(1, len([other for other in others if other["answer"] == prediction]) / 3)
    keys = None if with_ids else [n for _, n in records]
    assert consensus(prediction, [text for text, _ in records], keys) == expected_score / len(dicts)
