"""What answering took: tokens asked for and computed, images, time spent computing and waiting."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Usage:
    """Counts of one session, kept by `answer`."""

    prompt_tokens: int = 0  # of all prompts, each alone and whole
    computed_tokens: int = 0  # what was read of them: less, where prompts share their beginning
    padding_tokens: int = 0  # computed beside those, to make the rows of a batch alike
    new_tokens: int = 0
    batches: int = 0
    images: int = 0  # decoded, resized and cropped
    computing_seconds: float = 0.0  # the device at work
    waiting_seconds: float = 0.0  # the device waiting for images and prompts
    memory_shortages: int = 0  # batches that did not fit and were halved

    def __str__(self) -> str:
        """One line for people."""
        fewer = f" ({self.prompt_tokens / self.computed_tokens:.1f} times fewer)" if self.computed_tokens else ""
        shortages = f"; memory ran out {self.memory_shortages} times" if self.memory_shortages else ""
        return (
            f"{self.prompt_tokens:,} prompt tokens asked, {self.computed_tokens:,} computed{fewer}; "
            f"{self.images:,} images; device idle {self.idle_share:.0%}{shortages}"
        )

    @property
    def idle_share(self) -> float:
        """Which part of its time the device waited."""
        whole = self.computing_seconds + self.waiting_seconds
        return self.waiting_seconds / whole if whole else 0.0
