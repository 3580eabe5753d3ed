"""Prompts and instructions are those the reference scripts sent."""

import json
import os
from pathlib import Path

import pytest

from emma_eval.errors import UserError
from emma_eval.prompts import instruction_of, render_prompt

PARITY = Path(os.environ.get("EMMA_PARITY_DIR", Path(__file__).parents[2] / "shared" / "parity"))
CASES = [
    pytest.param(case, id=f"{index.parent.name}/{case['id']}")
    for index in sorted(PARITY.glob("**/index*.json"))
    for case in json.loads(index.read_text(encoding="utf-8"))["cases"]
]


@pytest.mark.skipif(not CASES, reason=f"no parity cases below {PARITY}")
@pytest.mark.parametrize("case", CASES)
def test_prompt_and_instruction_are_the_references(case):
    prompt = render_prompt(case["question"], case["suffix"], has_image=case["image"] is not None)
    assert prompt == case["prompt"]
    if case.get("instruction_text") is not None:
        assert instruction_of(case["question"], case["instruction_source"]) == case["instruction_text"]


def test_a_suffix_stands_on_its_own_line_once():
    assert "Why?\nShort. ASSISTANT" in render_prompt("Why?", "Short.", False)
    assert "Why?\nShort. ASSISTANT" in render_prompt("Why?", "\nShort.", False)


def test_each_picture_has_its_marker():
    assert "USER: <image>\n<image>\nWhich is redder? ASSISTANT:" in render_prompt("Which is redder?", None, 2)


def test_braces_in_a_question_are_left_alone():
    assert "USER: What is {message} in {0}? ASSISTANT:" in render_prompt("What is {message} in {0}?", None, False)


def test_an_unknown_template_is_a_users_mistake():
    with pytest.raises(UserError, match="vicuna_v9.*vicuna_v1"):
        render_prompt("Why?", None, False, template="vicuna_v9")
