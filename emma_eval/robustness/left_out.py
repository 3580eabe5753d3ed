"""The samples that a variant asks, and how many it leaves out for which reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from emma_eval.types import Sample


class LeftOut(StrEnum):
    """Why a variant does not ask a sample."""

    FORM = "the question has no form that the variant knows"
    ONE_QUESTION = "the task asks all its samples one question of its own"
    NOT_YES_OR_NO = "the right answer is neither yes nor no"
    NO_PARTNER = "nothing with the other answer is known of its image"
    NO_OPTIONS = "it has no options"
    FEW_OPTIONS = "it has too few options"
    HIDDEN_OPTIONS = "not all of its options are shown"
    OPTIONS_IN_QUESTION = "its options stand in its question"
    CIRCULAR = "its passes are the rotations already"
    NO_LETTER = "its right answer is none of its options"
    OPTION_POINTS = "an option speaks of another one's place, or holds an image"
    NO_CHOICES = "its right answer is neither yes nor no, and it has no options"
    NOT_IN_VOCABULARY = "a choice is no token of the model's vocabulary"
    NO_IMAGE = "it has no image"


@dataclass(frozen=True, slots=True)
class Changed:
    """A task's samples as a variant has them, in the task's order and with its ids."""

    samples: list[Sample] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def leave_out(self, reason: LeftOut) -> None:
        """Count a sample that is not asked."""
        self.left_out[reason.value] += 1

    @classmethod
    def nothing(cls, samples: Sequence[Sample], reason: LeftOut) -> Changed:
        """Of a variant that asks none of the samples."""
        return cls(left_out=Counter({reason.value: len(samples)}))
