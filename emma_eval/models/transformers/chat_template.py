"""A message with image markers as the prompt that a chat template makes of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from transformers.utils.chat_template_utils import render_jinja_template

from emma_eval.errors import SampleError, UserError
from emma_eval.images.markers import message_parts
from emma_eval.types import IMAGE_MARKER
from emma_eval.utils.text import error_message

DAY = datetime(2024, 7, 26, tzinfo=UTC)  # for templates that print today's date: a prompt must be the same every day
TODAY = re.compile(r"""\bstrftime_now\( *(['"])(.+?)\1 *\)""")
PROBE = "Which is it?"
PRINTED_PARTS = re.compile(r"""['"]type['"]: *['"](image|text)['"]""")  # a list's parts, written out as text


@dataclass(frozen=True)
class ChatTemplate:
    """A Jinja template in the dialect of transformers, which renders it in a sandbox."""

    text: str
    special_tokens: Mapping[str, Any] = field(default_factory=dict)  # `bos_token` and so on, which templates may name
    image_token: str | None = None  # of a template that takes a message as one text: stands where an image goes

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the template's text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @cached_property
    def _dated(self) -> str:
        """The template's text with the date that it prints."""
        return TODAY.sub(lambda call: repr(DAY.strftime(call[2])), self.text)

    def render(self, message: str) -> str:
        """The prompt of one user's message, up to where the answer begins. Raises SampleError if it has none."""
        try:
            prompts, _ = render_jinja_template(
                conversations=[conversation(message, self.image_token)],
                chat_template=self._dated,
                add_generation_prompt=True,
                **self.special_tokens,
            )
        except Exception as error:  # a template may raise by itself, or name what is not there
            raise SampleError(f"the chat template refuses the message: {error_message(error)}") from error
        return str(prompts[0])


def choose_dialect(text: str, special_tokens: Mapping[str, Any], image_token: str | None) -> ChatTemplate:
    """The template, given a message's parts as it expects them: a list of images and texts, else one text.

    `image_token` stands for an image in a text; None where the processor has no such token. Raises UserError if the
    template prints the message neither way.
    """
    as_list, reasons = ChatTemplate(text, special_tokens), []
    candidates = [as_list, *([ChatTemplate(text, special_tokens, image_token)] if image_token else [])]
    for must_show_image in (True, False):  # some processors place images by themselves
        for template in candidates:
            try:
                prompt, bare = template.render(f"{IMAGE_MARKER}\n{PROBE}"), template.render(PROBE)
            except SampleError as error:
                reasons.append(str(error))
                continue
            if PROBE in prompt and not PRINTED_PARTS.search(prompt) and (prompt != bare or not must_show_image):
                return template
    raise UserError(reasons[0] if reasons else "the chat template leaves out what the user says")


def conversation(message: str, image_token: str | None = None) -> list[dict[str, Any]]:
    """A user's message as chat templates take it: images and texts in their order; one text with an `image_token`.

    Line ends beside an image are left out of a list: what stands between images and texts is the template's.
    """
    if image_token is not None:
        return [{"role": "user", "content": message.replace(IMAGE_MARKER, image_token)}]
    parts = message_parts(message)
    content = [{"type": "image"} if part is None else {"type": "text", "text": part} for part in parts]
    return [{"role": "user", "content": content}]
