"""The images that a variant of `ablate` showed, for pages and logs of its run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from emma_eval.interpretability.changed_requests import VariantRequests
from emma_eval.interpretability.variants import Variant
from emma_eval.tasks.config import TaskConfig
from emma_eval.types import ImageSource, Sample


def images_of_variant(
    definition: str, task: TaskConfig, samples: Sequence[Sample]
) -> Mapping[str, tuple[ImageSource, ...]] | None:
    """Sample id -> the images in place of its own, if they are others; None if no variant of `ablate` is so defined.

    The samples are all that the run was asked: which other image a sample gets depends on them.
    """
    try:
        variant = Variant.model_validate({"words": definition[:1]} | json.loads(definition))
    except (ValueError, TypeError):
        return None
    if variant.image is None:
        return {}
    images_alone = variant.model_copy(update={"instruction": None, "weights": None})
    return {request.sample_id: request.images for request in VariantRequests(images_alone)(task, samples, "")}
