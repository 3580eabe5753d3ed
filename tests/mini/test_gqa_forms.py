"""Types, programs and entailments of the GQA questions, on an image with a red circle and a blue star."""

import json

import pytest

from emma_eval.mini.suite.gqa_forms import FORMS, parse_question

COLOR = parse_question("What color is the circle?", "red")
SHAPE = parse_question("What shape is the red object?", "circle")
CHECK = parse_question("Is the circle red?", "yes")
WRONG = parse_question("Is the circle blue?", "no")
CHOICE = parse_question("Is the circle blue or red?", "red")
EXISTS = parse_question("Is there a red circle in the image?", "yes")
OTHER = parse_question("Is there a blue star in the image?", "yes")
ABSENT = parse_question("Is there a blue circle in the image?", "no")
BOTH = parse_question("Is there a red circle and a blue star in the image?", "yes")
NOT_BOTH = parse_question("Is there a red circle and a green star in the image?", "no")
SIZE = parse_question("Is the red circle small or large?", "large")
RELATION = parse_question("Is the red circle to the left of the blue star?", "no")
ALL = (COLOR, SHAPE, CHECK, WRONG, CHOICE, EXISTS, OTHER, ABSENT, BOTH, NOT_BOTH, SIZE, RELATION)


def test_every_form_has_an_example_here():
    assert {parsed.form for parsed in ALL} == set(FORMS)


@pytest.mark.parametrize("one", [COLOR, SHAPE, CHECK, CHOICE, EXISTS])
def test_questions_that_imply_the_same_thing_are_equivalent(one):
    for other in (COLOR, SHAPE, CHECK, CHOICE, EXISTS):
        assert one.entails(other)
        assert other.entails(one)


@pytest.mark.parametrize("parts", [COLOR, SHAPE, CHECK, CHOICE, EXISTS, OTHER])
def test_a_conjunction_entails_its_parts_but_not_conversely(parts):
    assert BOTH.entails(parts)
    assert not parts.entails(BOTH)


def test_a_relation_presupposes_its_things_whatever_the_answer():
    assert RELATION.entails(BOTH)
    assert SIZE.entails(EXISTS)
    assert not any(one.entails(other) for one in ALL for other in (RELATION, SIZE))


@pytest.mark.parametrize("denied", [WRONG, ABSENT, NOT_BOTH])
def test_a_negative_answer_entails_nothing(denied):
    assert not any(denied.entails(other) for other in ALL)


def test_programs_depend_on_the_steps_they_use():
    assert CHOICE.program() == [
        {"operation": "select", "argument": "circle", "dependencies": []},
        {"operation": "choose color", "argument": "blue|red", "dependencies": [0]},
    ]
    assert [step["dependencies"] for step in BOTH.program()] == [[], [0], [1], [], [3], [4], [2, 5]]
    assert RELATION.program()[-1]["argument"] == "circle,to the left of,o"


def test_all_types_of_gqa_occur():
    types = {(p.form.structural, p.form.semantic) for p in ALL}
    assert {structural for structural, _ in types} == {"query", "verify", "choose", "logical"}
    assert {semantic for _, semantic in types} == {"obj", "attr", "cat", "rel"}


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="no GQA form fits the question 'Why'"):
        parse_question("Why", "because")


def test_entailed_questions_share_the_image_and_equivalence_is_symmetric(suite):
    content = json.loads((suite / "gqa/data/testdev_balanced_questions.json").read_text("utf-8"))
    assert sum(len(set(question["entailed"]) - {key}) > 0 for key, question in content.items()) > 40
    for key, question in content.items():
        assert set(question["equivalent"]) <= set(question["entailed"])
        assert all(content[other]["imageId"] == question["imageId"] for other in question["entailed"])
        assert all(key in content[other]["equivalent"] for other in question["equivalent"])
