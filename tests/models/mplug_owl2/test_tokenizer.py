"""A prompt's ids, as the authors' tokenizer_image_token puts pieces and images together."""

from __future__ import annotations

import pytest

from emma_eval.models.llama.prefix_trie import IMAGE_ID
from emma_eval.models.mplug_owl2.tokenizer import MPlugOwl2Tokenizer
from tests.tiny_mplug_owl2 import MPLUG_OWL2

BOS = 1


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> MPlugOwl2Tokenizer:
    return MPlugOwl2Tokenizer(MPLUG_OWL2.write(tmp_path_factory.mktemp("tokenizer")))


def test_pieces_are_encoded_apart_with_one_begin_id(tokenizer: MPlugOwl2Tokenizer) -> None:
    before, after = tokenizer.encode("USER: "), tokenizer.encode("What is it? ASSISTANT: ")
    ids = tokenizer.encode_prompt("USER: <|image|>What is it? ASSISTANT: ")
    assert ids == [BOS, *before, IMAGE_ID, *after]
    lone_space = tokenizer.sentencepiece.piece_to_id("▁")
    assert before[-1] == after[-1] == lone_space
    assert tokenizer.encode_prompt("USER: <|image|>What is it? ASSISTANT:") == ids[:-1]


def test_nothing_stands_between_adjacent_images(tokenizer: MPlugOwl2Tokenizer) -> None:
    before = tokenizer.encode("see ")
    assert tokenizer.encode_prompt("see <|image|><|image|>") == [BOS, *before, IMAGE_ID, IMAGE_ID]


def test_a_prompt_that_begins_with_an_image_has_a_begin_id_before_every_text(tokenizer: MPlugOwl2Tokenizer) -> None:
    first, second = tokenizer.encode("and "), tokenizer.encode("?")
    expected = [IMAGE_ID, BOS, *first, IMAGE_ID, BOS, *second]
    assert tokenizer.encode_prompt("<|image|>and <|image|>?") == expected
    assert tokenizer.encode_prompt("<|image|>") == [IMAGE_ID]
    assert tokenizer.encode_prompt("") == []


def test_llavas_marker_is_text_here(tokenizer: MPlugOwl2Tokenizer) -> None:
    assert IMAGE_ID not in tokenizer.encode_prompt("what is <image>?")
