"""Conversation templates: the frame that a chat model was trained to read a user's message in. Imports no torch.

A template belongs to the model. A Request holds the message alone, and the model renders its prompt.
"""

from __future__ import annotations

import hashlib

from emma_eval.errors import UserError

TEMPLATES = {
    "vicuna_v1": (
        "A chat between a curious user and an artificial intelligence assistant. "
        "The assistant gives helpful, detailed, and polite answers to the user's questions. "
        "USER: {message} ASSISTANT:"
    ),
}
DEFAULT_TEMPLATE = "vicuna_v1"  # of LLaVA-1.5 and EMMA


def render_prompt(message: str, template: str = DEFAULT_TEMPLATE) -> str:
    """The prompt that a model reads: the message in a template. Raises UserError for an unknown template."""
    if template not in TEMPLATES:
        raise UserError(f"unknown conversation template {template!r}; known: {', '.join(TEMPLATES)}")
    # For an empty message the reference's template has no blanks around it either: `USER:ASSISTANT:`.
    return TEMPLATES[template].replace("{message}" if message else " {message} ", message)


def template_digest(template: str) -> str:
    """SHA-256 of a template's text, by which a later session notices that it changed; empty for an unknown name."""
    return hashlib.sha256(TEMPLATES[template].encode()).hexdigest() if template in TEMPLATES else ""
