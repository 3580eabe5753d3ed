"""Features of images that outlive a run, so that the next variant of a model need not encode them again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from emma_eval.models.multimodal.runner import VISION_CACHE_SIZE
from emma_eval.types import ImageSource
from emma_eval.utils.lru_cache import LRUCache


class FeatureStore(LRUCache[ImageSource, Tensor]):
    """The last images' features as every run has them, and in host memory those of the first images that fit.

    All variants ask about a task's images in one order. Of more images than fit, the last ones alone would each be
    dropped just before they are needed again; of the first ones each is found by every later variant.
    """

    def __init__(self, max_bytes: int) -> None:
        super().__init__(VISION_CACHE_SIZE)
        self._kept: dict[ImageSource, Tensor] = {}
        self._bytes_left = max_bytes

    def get(self, key: ImageSource) -> Tensor | None:
        """What `encode_images` gave for an image, on the model's device or on the host; None if neither has it."""
        recent = super().get(key)
        return self._kept.get(key) if recent is None else recent

    def get_or_compute(
        self, keys: Sequence[ImageSource], compute: Callable[[Sequence[ImageSource]], Sequence[Tensor]]
    ) -> dict[ImageSource, Tensor]:
        """As of the base class; `compute` is given by the runner, which was given what `get` found."""
        features = super().get_or_compute(keys, compute)
        for image, one in features.items():
            if image not in self._kept and one.nbytes <= self._bytes_left:
                self._kept[image] = one.cpu()
                self._bytes_left -= one.nbytes
        return features
