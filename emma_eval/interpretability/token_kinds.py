"""What each token of a prompt is: image, the instruction, the template's system text, ..."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any, Literal, get_args

from emma_eval.interpretability.changed_requests import ROLES
from emma_eval.models.llama.prefix_trie import IMAGE_ID
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.types import Request

Kind = Literal["begin", "system", "template", "image", "instruction", "rest", "answer"]
KINDS: tuple[Kind, ...] = get_args(Kind)
KIND_WORDS: dict[Kind, str] = {
    "begin": "begin token",
    "system": "system text",
    "template": "template",
    "image": "image",
    "instruction": "instruction",
    "rest": "rest of the question",
    "answer": "earlier answer",
}


def token_kinds(runner: ModelRunner[Any], request: Request) -> list[Kind]:
    """The kind of each of a prompt's ids, one for each image: aligned with the ids that `runner.tokenize` gives.

    `instruction` is what EMMA's text encoder reads of the question, where the message holds it word for word; `rest` is
    all else that the user says: options, hint, answer format. `template` are the roles and the line end behind an
    image. A token that lies across two parts counts to the second.
    """
    prompt = request.prompt(runner.render_prompt)
    ids = runner.tokenizer.encode_prompt(prompt)
    kinds: list[Kind] = []
    end = 0
    for kind, text in prompt_parts(runner, request):
        end += len(text)
        # a blank belongs to the word behind it, as SentencePiece has it
        ids_so_far = runner.tokenizer.encode_prompt(prompt[:end].rstrip(" ")) if end < len(prompt) else ids
        kinds += [kind] * (common_length(ids, ids_so_far) - len(kinds))
    begin = runner.tokenizer.bos_id
    for index, token in enumerate(ids):
        if token in (IMAGE_ID, begin):
            kinds[index] = "image" if token == IMAGE_ID else "begin"
    return kinds


def common_length(first: Sequence[int], second: Sequence[int]) -> int:
    """How many ids two sequences have in common at their beginnings."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


def prompt_parts(runner: ModelRunner[Any], request: Request) -> Iterator[tuple[Kind, str]]:
    """The prompt cut into texts, each of one kind; together they are the prompt."""
    prompt = request.prompt(runner.render_prompt)
    before, after = ("", "") if request.is_raw else runner.render_prompt("\0").split("\0")
    if not (prompt.startswith(before) and prompt.endswith(after) and len(prompt) >= len(before + after)):
        yield "template", prompt  # that of an empty message
        return
    yield from _frame_parts(before)
    message = prompt[len(before) : len(prompt) - len(after)]
    yield from _message_parts(message, request.instruction, runner.tokenizer.image_marker)
    yield "template", after


def _frame_parts(before: str) -> Iterator[tuple[Kind, str]]:
    """What stands before the message: roles are template, the rest is system text."""
    for index, text in enumerate(ROLES.split(before)):
        yield ("template" if index % 2 or not text.strip() else "system"), text


def _message_parts(message: str, instruction: str, image_marker: str) -> Iterator[tuple[Kind, str]]:
    is_found = not instruction  # nothing to be found
    for text in re.split(f"({re.escape(image_marker)}\n?)", message):
        if text.startswith(image_marker):
            yield "template", text  # the marker's own token is the image's
        elif not is_found and instruction in text:
            is_found = True
            start, _, rest = text.partition(instruction)
            yield from (("rest", start), ("instruction", instruction), ("rest", rest))
        else:
            yield "rest", text
