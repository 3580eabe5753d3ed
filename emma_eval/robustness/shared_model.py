"""A model that is loaded once for all variants; what it has been asked it is not asked again."""

from __future__ import annotations

from typing import Any, Literal

from emma_eval.inference.engine import Engine
from emma_eval.inference.loading import load_engine
from emma_eval.models import ModelHandle
from emma_eval.runs.variants import UnchangedHandle

FEATURE_BYTES = 2**31  # of image features that variants share, in host memory


class SharedModel:
    """A model that is loaded when the first run has something to answer, and kept for the others."""

    def __init__(self, handle: ModelHandle, batch_size: int | Literal["auto"]) -> None:
        self._handle, self._batch_size = handle, batch_size
        self._loaded: Any = None
        self._answers: dict[Any, Any] = {}

    def load(self) -> Any:
        """An engine of the model, or the model. Raises UserError if it cannot be loaded.

        An engine of another program is loaded for each run, as each run closes its own.
        """
        from emma_eval.inference.batched import BatchedEngine
        from emma_eval.interpretability.shared_answers import SharingEngine

        loaded = self._handle.load() if self._loaded is None else self._loaded
        if hasattr(loaded, "describe"):
            return loaded
        if hasattr(loaded, "vision_cache") and self._loaded is None:
            from emma_eval.interpretability.feature_store import FeatureStore

            loaded.vision_cache = FeatureStore(FEATURE_BYTES)
        self._loaded = loaded
        if not hasattr(loaded, "collate"):
            return loaded
        return SharingEngine(BatchedEngine(loaded, self._batch_size), "as trained", self._answers)

    def load_engine(self) -> Engine:
        """An engine of the model that remembers no answers. Raises UserError if it cannot be loaded."""
        loaded = self.load()
        if hasattr(loaded, "answers"):
            engine: Engine = loaded.engine
            return engine
        return load_engine(UnchangedHandle(self._handle, lambda: loaded), self._batch_size)
