"""GQA: which questions count, and which metrics need more data."""

import pytest

from emma_eval.errors import UserError
from emma_eval.scorers.gqa import gqa, reasoning_steps
from tests.fakes import sample
from tests.scorers.helpers import answered, names, value


def question(id_, reference="cat", structural="query", **meta):
    types = {"structural": structural, "semantic": "obj", "detailed": meta.pop("detailed", "what")}
    defaults = {"semantic": (), "groups": {"global": None}, "entailed": (), "is_balanced": True}
    return sample(id_, reference, types=types, **(defaults | meta))


def test_answers_must_equal_exactly_unless_llava_converts_them():
    questions = [question("1"), question("2")]
    answers = answered("cat", "Cat.")
    official, converted = gqa(questions, answers), gqa(questions, answers, conversion="llava")
    assert (value(official), value(converted)) == (50, 100)
    assert any("1 answer wrong by a capital or a full stop alone" in note for note in official.notes)
    assert not any("full stop" in note for note in converted.notes)


def test_open_is_the_structural_type_query_and_the_rest_is_binary():
    questions = [question("1"), question("2", structural="verify"), question("3", structural="choose")]
    scores = gqa(questions, answered("cat", "cat", "dog"))
    assert (value(scores, "open"), value(scores, "binary")) == (100, 50)


def test_only_balanced_questions_are_scored():
    questions = [question("1"), question("2", is_balanced=False)]
    scores = gqa(questions, answered("cat", "dog"))
    assert value(scores) == 100
    assert len(scores.samples) == 2
    with pytest.raises(UserError, match="balanced"):
        gqa(questions[1:], answered("dog", first=2))


def test_consistency_leaves_out_the_question_itself_and_keeps_repeats():
    questions = [
        question("1", entailed=("1", "2", "2", "3")),
        question("2", is_balanced=False),
        question("3", is_balanced=False),
        question("4", entailed=("3",)),  # answered wrongly: not asked for consistency
    ]
    scores = gqa(questions, answered("cat", "cat", "dog", "dog"))
    assert value(scores, "consistency") == pytest.approx(100 * 2 / 3)


def test_links_out_of_the_file_and_missing_choices_leave_metrics_out_with_a_note():
    scores = gqa([question("1", entailed=("999",))], answered("cat"))
    assert names(scores).isdisjoint({"consistency", "validity", "plausibility"})
    assert [note.split()[0] for note in scores.notes] == ["validity", "consistency"]


def test_validity_of_common_questions_has_its_own_three_answers():
    questions = [
        question("1", valid=("cat", "dog"), plausible=("cat",)),
        question("2", reference="color", valid=("cat",), plausible=("cat",), detailed="twoCommon"),
    ]
    scores = gqa(questions, answered("dog", "color"))
    assert (value(scores, "validity"), value(scores, "plausibility")) == (100, 50)


def test_distribution_is_a_chi_square_weighted_by_group_size():
    group = {"groups": {"global": "animal"}}
    questions = [question(str(i), reference, **group) for i, reference in enumerate(["cat", "cat", "dog"], 1)]
    # cat: (3 - 2)^2 / 2, dog: (0 - 1)^2 / 1; one group, over 100
    assert value(gqa(questions, answered("cat", "cat", "cat")), "distribution") == 1.5 / 100


def test_steps_that_only_ask_do_not_count():
    program = [
        {"operation": "select", "argument": "cat (1)"},
        {"operation": "filter color", "argument": "red"},
        {"operation": "query", "argument": "name"},
        {"operation": "exist", "argument": "?"},
    ]
    assert reasoning_steps(program) == 2


def test_a_missing_answer_is_wrong_everywhere():
    questions = [question("1", valid=("",), plausible=("",), groups={"global": "animal"})]
    scores = gqa(questions, {})
    assert (value(scores), value(scores, "validity"), value(scores, "distribution")) == (0, 0, 1 / 100)
