"""Prompts and instructions are those the reference scripts sent."""

import json

import pytest

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.templates import render_prompt
from emma_eval.prompts.building import build_message, build_requests, instruction_of
from emma_eval.tasks.loading import load_task
from emma_eval.types import Sample
from tests.shared import needs_shared, shared

CASES = [
    pytest.param(case, id=f"{index.parent.name}/{case['id']}")
    for index in sorted(shared("parity").glob("**/index*.json"))
    for case in json.loads(index.read_text(encoding="utf-8"))["cases"]
    if case.get("conversation_template", "vicuna_v1") == "vicuna_v1"
]


@needs_shared("parity")
@pytest.mark.parametrize("case", CASES)
def test_prompt_and_instruction_are_the_references(case):
    prompt = render_prompt(build_message(case["question"], case["suffix"], images=int(case["image"] is not None)))
    assert prompt == case["prompt"]
    if case.get("instruction_text") is not None:
        assert instruction_of(case["question"], case["instruction_source"]) == case["instruction_text"]


def test_a_suffix_stands_on_its_own_line_once():
    assert build_message("Why?", "Short.") == "Why?\nShort."
    assert build_message("Why?", "\nShort.") == "Why?\nShort."


def test_each_image_has_its_marker():
    assert build_message("Which is redder?", None, 2) == "<image>\n<image>\nWhich is redder?"


def test_with_nothing_to_say_the_template_has_no_blanks():
    """As the reference's conversation template renders an empty message, which only a text-only request can have."""
    assert render_prompt("").endswith("polite answers to the user's questions. USER:ASSISTANT:")
    assert render_prompt(build_message("", None, 1)).endswith("USER: <image>\n ASSISTANT:")


def test_braces_in_a_question_are_left_alone():
    assert "USER: What is {message} in {0}? ASSISTANT:" in render_prompt("What is {message} in {0}?")


def test_an_unknown_template_is_a_users_mistake():
    with pytest.raises(UserError, match=r"vicuna_v9.*vicuna_v1"):
        render_prompt("Why?", "vicuna_v9")


def only(requests):
    (request,) = requests
    return request


class LoadedImage:
    label = "a.png"


LETTER = "Answer with the option's letter from the given choices directly."
WORD = "Answer the question using a single word or phrase."


def test_scienceqa_puts_the_hint_first_as_context():
    """The text of problem 23 in LLaVA's own question file for ScienceQA."""
    sample = Sample(
        "23",
        "Which of these organisms contains matter that was once part of the lichen?",
        (LoadedImage(),),
        options=("bilberry", "mushroom"),
        hint="Below is a food web from a tundra ecosystem.\nA food web models how matter moves.",
    )
    request = only(build_requests(load_task("scienceqa"), [sample]))
    assert request.message == (
        "<image>\nContext: Below is a food web from a tundra ecosystem.\nA food web models how matter moves.\n"
        "Which of these organisms contains matter that was once part of the lichen?\nA. bilberry\nB. mushroom\n"
        f"{LETTER}"
    )
    assert request.instruction == "Context: Below is a food web from a tundra ecosystem."
    assert request.max_new_tokens == 1024


def test_a_scienceqa_problem_without_a_image_is_asked_of_the_language_model_alone():
    sample = Sample("133", "Select the plant.", options=("Oak trees.", "Orcas."))
    request = only(build_requests(load_task("scienceqa"), [sample]))
    assert request.message == f"Select the plant.\nA. Oak trees.\nB. Orcas.\n{LETTER}"
    assert request.images == ()


def test_mme_loses_its_own_request_for_yes_or_no():
    """The release has two blanks before it in seven questions; LLaVA's question file has none left."""
    sample = Sample("OCR/0001.jpg#0", "Is it red?  Please answer yes or no.", (LoadedImage(),))
    request = only(build_requests(load_task("mme"), [sample]))
    assert request.message == f"<image>\nIs it red?\n{WORD}"
    assert request.instruction == "Is it red?"


def test_vizwiz_asks_in_small_letters_but_for_the_first():
    """So stand all 8,000 questions in LLaVA's own question file, blanks at the end kept."""
    sample = Sample("VizWiz_test_00000008.jpg", "What is this? What do I hold? ", (LoadedImage(),))
    request = only(build_requests(load_task("vizwiz_test"), [sample]))
    unanswerable = "When the provided information is insufficient, respond with 'Unanswerable'."
    assert request.message == f"<image>\nWhat is this? what do i hold? \n{unanswerable}\n{WORD}"
    assert request.instruction == "What is this? what do i hold? "


def test_mmbench_rotates_the_options_left():
    sample = Sample("241", "Which?", (LoadedImage(),), ("B",), ("one", "two", "three"), hint="Look.\nAgain.")
    first, second, third = build_requests(load_task("mmbench_en"), [sample])
    assert first.message == f"<image>\nLook.\nAgain.\nWhich?\nA. one\nB. two\nC. three\n{LETTER}"
    assert "A. two\nB. three\nC. one" in second.message
    assert "A. three\nB. one\nC. two" in third.message
    assert [request.pass_index for request in (first, second, third)] == [0, 1, 2]
    assert {request.instruction for request in (first, second, third)} == {"Look."}


def test_mmbench_passes_of_the_file_go_before_rotation():
    passes = (({"A": "one", "C": "three"}, "C"), ({"B": "three", "C": "one"}, "B"))
    sample = Sample("241", "Which?", (LoadedImage(),), ("C",), ("one",), meta={"passes": passes})
    first, second = build_requests(load_task("mmbench_cn"), [sample])
    assert first.message == "<image>\nWhich?\nA. one\nC. three\n请直接回答选项字母。"
    assert second.message == "<image>\nWhich?\nB. three\nC. one\n请直接回答选项字母。"


def test_braces_in_options_are_left_alone():
    sample = Sample("1", "Which?", (), ("A",), ("{text}", "{letter}"))
    request = only(build_requests(load_task("seed"), [sample]))
    assert "A. {text}\nB. {letter}\n" in request.message


def test_an_image_without_ocr_tokens_keeps_their_line():
    sample = Sample("1", "What is IT?", (LoadedImage(),))
    request = only(build_requests(load_task("textvqa_ocr"), [sample]))
    assert request.message == f"<image>\nWhat is it?\nReference OCR token: \n{WORD}"
    assert "OCR" not in only(build_requests(load_task("textvqa"), [sample])).message
