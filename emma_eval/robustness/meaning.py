"""What an answer says, whatever the question's words or the options' order: by what the task's scorer read in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emma_eval.robustness.option_order import chosen_texts
from emma_eval.robustness.questions import FLIPPED
from emma_eval.types import Sample, SampleScore

Meaning = tuple[str, ...] | None  # one entry a pass; None: not known
YES, NO = "yes", "no"


@dataclass(frozen=True, slots=True)
class AskedTask:
    """A task's samples as they were asked, with their scores, in one order, and the answers' texts by sample id."""

    samples: Sequence[Sample]
    scores: Sequence[SampleScore]
    texts: Mapping[str, str]  # of a circular task those of all passes, one after the other
    circular: bool
    flipped: bool = False  # whether yes says what no says of the original question

    def meanings(self) -> dict[str, Meaning]:
        """The meaning of each sample's answer by the sample's id: what the scorer read, where the answer says so."""
        return {
            sample.id: self._meaning(sample, score) for sample, score in zip(self.samples, self.scores, strict=True)
        }

    def _meaning(self, sample: Sample, score: SampleScore) -> Meaning:
        if score.status != "answered":
            return None
        if sample.options:
            texts = chosen_texts(sample, score, self.circular)
            return None if None in texts else tuple(text for text in texts if text is not None)
        text = score.parsed_answer.strip().casefold()
        if is_yes_or_no(sample):
            if text not in (YES, NO) or (text == YES and YES not in self.texts[sample.id].casefold()):
                return None  # POPE's official tool takes whatever does not deny for yes
            return ((FLIPPED[text] if self.flipped else text),)
        return (text,) if text else None


def is_yes_or_no(sample: Sample) -> bool:
    """Whether the right answer is yes or no."""
    return bool(sample.references) and not sample.options and all(one in FLIPPED for one in sample.references)
