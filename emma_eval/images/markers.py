"""A message with image markers as a list of texts and images, as chat interfaces take it."""

from __future__ import annotations

import re

from emma_eval.types import IMAGE_MARKER

_MARKER = re.compile(rf"\n?{re.escape(IMAGE_MARKER)}\n?")


def message_parts(message: str) -> list[str | None]:
    """Texts and images (None) in their order; empty texts are left out.

    Line ends beside an image are left out too: what stands between images and texts is the chat template's.
    """
    first, *texts = _MARKER.split(message)
    parts: list[str | None] = [first]
    for text in texts:
        parts += [None, text]
    return [part for part in parts if part != ""]
