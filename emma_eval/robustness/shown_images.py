"""The images that a variant of `robustness` showed, for pages and logs of its run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from emma_eval.errors import UserError
from emma_eval.robustness.corruptions import corrupted
from emma_eval.robustness.variants import Variant
from emma_eval.tasks.config import TaskConfig
from emma_eval.types import ImageSource, Sample


def images_of_variant(
    definition: str, task: TaskConfig, samples: Sequence[Sample]
) -> Mapping[str, tuple[ImageSource, ...]] | None:
    """Sample id -> its images corrupted; none for a variant of words, None if no variant here is so defined."""
    try:
        variant = Variant.model_validate({"words": "any", "family": "any"} | json.loads(definition))
    except (ValueError, TypeError, UserError):
        return None
    name, severity = variant.corruption, variant.severity
    if name is None or severity is None:
        return {}
    return {one.id: tuple(corrupted(image, name, severity) for image in one.images) for one in samples}
