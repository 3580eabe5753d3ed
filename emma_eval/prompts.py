"""From a Sample to the Requests a model answers: option layout, suffix, conversation template, CLIP instruction.

The text is what the evaluation scripts of LLaVA-1.5 and EMMA send (greedy decoding, template `vicuna_v1`);
`tests/test_prompts.py` compares it with prompts recorded from the reference.
"""

from __future__ import annotations

from typing import Literal

from emma_eval.errors import UserError

IMAGE_MARKER = "<image>"

TEMPLATES = {
    "vicuna_v1": (
        "A chat between a curious user and an artificial intelligence assistant. "
        "The assistant gives helpful, detailed, and polite answers to the user's questions. "
        "USER: {message} ASSISTANT:"
    ),
}

InstructionPolicy = Literal["first_line", "full"]


def render_prompt(question: str, suffix: str | None, has_image: bool | int, template: str = "vicuna_v1") -> str:
    """The complete prompt: one image marker a line, the question, the suffix on lines of its own.

    `question` holds options and hint already. `has_image` may be the number of pictures. Raises UserError for an
    unknown template.
    """
    if template not in TEMPLATES:
        raise UserError(f"unknown conversation template {template!r}; known: {', '.join(TEMPLATES)}")
    message = f"{IMAGE_MARKER}\n" * int(has_image) + question
    if suffix:
        message += "\n" + suffix.removeprefix("\n")
    return TEMPLATES[template].replace("{message}", message)


def instruction_of(question: str, policy: InstructionPolicy) -> str:
    """What EMMA's CLIP text encoder reads: the question's first line, or all of it.

    `question` is the text before image marker and suffix are added. EMMA's scripts split at the first newline; its
    MM-Vet script alone gives everything.
    """
    return question.split("\n", 1)[0] if policy == "first_line" else question
