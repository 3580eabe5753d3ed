"""Corrupted images. The families and their severities."""

from __future__ import annotations

from emma_eval.errors import UserError
from emma_eval.types import ImageSource


def corrupted(image: ImageSource, corruption: str, severity: int) -> ImageSource:
    """The image, corrupted when it is opened. Raises UserError for an unknown corruption."""
    raise UserError(f"there is no corruption {corruption!r} of severity {severity}")
