"""Every token of a prompt has the kind of the text that it spells."""

from __future__ import annotations

import pytest

from emma_eval.interpretability.token_kinds import KINDS, prompt_parts, token_kinds
from emma_eval.models import load_model
from emma_eval.models.llama.prefix_trie import IMAGE_ID
from emma_eval.types import Request
from tests.fakes import LoadedImage, make_image
from tests.tiny_checkpoint import TinyCheckpoint
from tests.tiny_mplug_owl2 import TinyMPlugOwl2

IMAGE = LoadedImage(make_image())
MESSAGE = "<image>\nWhat is it?\nA. a cat\nAnswer with a letter."
INSTRUCTION = "What is it?"


@pytest.fixture(scope="module")
def emma(tmp_path_factory):
    return load_model(str(TinyCheckpoint().write(tmp_path_factory.mktemp("tiny"))), device="cpu")


def request(message=MESSAGE, instruction=INSTRUCTION, images=1, **fields):
    return Request("1", 0, message, instruction, (IMAGE,) * images, **fields)


def text_by_kind(runner, asked):
    """What the ids of each kind spell, blanks at both ends apart."""
    ids, kinds = runner.tokenizer.encode_prompt(asked.prompt(runner.render_prompt)), token_kinds(runner, asked)
    assert len(ids) == len(kinds)
    spelled = dict.fromkeys(KINDS, "")
    for token, kind in zip(ids, kinds, strict=True):
        assert (token == IMAGE_ID) == (kind == "image")
        if token not in (IMAGE_ID, runner.tokenizer.bos_id):
            spelled[kind] += runner.tokenizer.sentencepiece.id_to_piece(token).replace("▁", " ").replace("<0x0A>", "\n")
    return {kind: " ".join(text.split()) for kind, text in spelled.items() if text.strip()}


def test_a_prompt_of_llava(emma):
    assert text_by_kind(emma, request()) == {
        "system": "A chat between a curious user and an artificial intelligence assistant. "
        "The assistant gives helpful, detailed, and polite answers to the user's questions.",
        "template": "USER: ASSISTANT:",
        "instruction": "What is it?",
        "rest": "A. a cat Answer with a letter.",
    }
    kinds = token_kinds(emma, request())
    assert (kinds[0], kinds.count("begin"), kinds.count("image")) == ("begin", 1, 1)


def test_the_parts_are_the_prompt_and_the_line_end_behind_an_image_is_of_the_template(emma):
    asked = request("One <image>\nand <image>two?", "two?", 2)
    parts = list(prompt_parts(emma, asked))
    assert "".join(text for _, text in parts) == asked.prompt(emma.render_prompt)
    assert [(kind, text) for kind, text in parts if text][3:] == [
        ("rest", "One "),
        ("template", "<image>\n"),
        ("rest", "and "),
        ("template", "<image>"),
        ("instruction", "two?"),
        ("template", " ASSISTANT:"),
    ]
    assert token_kinds(emma, asked).count("image") == 2


@pytest.mark.parametrize("instruction", ["", "Something that is not said"])
def test_an_instruction_that_the_message_does_not_hold_is_no_token_of_it(emma, instruction):
    found = text_by_kind(emma, request(instruction=instruction))
    assert "instruction" not in found
    assert found["rest"] == "What is it? A. a cat Answer with a letter."


def test_a_whole_prompt_has_no_template(emma):
    assert text_by_kind(emma, request("Say it.", "Say it.", 0, is_raw=True)) == {"instruction": "Say it."}
    assert text_by_kind(emma, request("", "", 0))["template"].endswith("ASSISTANT:")


def test_mplug_owl2_has_no_system_text(tmp_path):
    owl = load_model(str(TinyMPlugOwl2().write(tmp_path)), device="cpu")
    found = text_by_kind(owl, request("<image>What is it? Say yes.", "What is it?"))
    assert found == {"template": "USER: ASSISTANT:", "instruction": "What is it?", "rest": "Say yes."}
