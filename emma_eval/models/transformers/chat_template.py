"""A message with image markers as the prompt that a chat template makes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from transformers.utils.chat_template_utils import render_jinja_template

from emma_eval.errors import SampleError
from emma_eval.images.markers import message_parts
from emma_eval.utils.text import error_message


@dataclass(frozen=True)
class ChatTemplate:
    """A Jinja template in the dialect of transformers, which renders it in a sandbox."""

    text: str
    special_tokens: Mapping[str, Any] = field(default_factory=dict)  # `bos_token` and so on, which templates may name

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the template's text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def render(self, message: str) -> str:
        """The prompt of one user's message, up to where the answer begins. Raises SampleError if it has none."""
        try:
            prompts, _ = render_jinja_template(
                conversations=[conversation(message)],
                chat_template=self.text,
                add_generation_prompt=True,
                **self.special_tokens,
            )
        except Exception as error:  # a template may raise by itself, or name what is not there
            raise SampleError(f"the chat template refuses the message: {error_message(error)}") from error
        return str(prompts[0])


def conversation(message: str) -> list[dict[str, Any]]:
    """A user's message as chat templates take it: images and texts in their order.

    Line ends beside an image are left out: what stands between images and texts is the template's.
    """
    parts = message_parts(message)
    content = [{"type": "image"} if part is None else {"type": "text", "text": part} for part in parts]
    return [{"role": "user", "content": content}]
