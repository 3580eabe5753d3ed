"""What an answer says, whatever the question's words or the options' order: by what the task's scorer read in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emma_eval.robustness.option_order import chosen_letters
from emma_eval.robustness.questions import FLIPPED
from emma_eval.tasks.circular import Choices
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

    def letters(self, sample: Sample, score: SampleScore) -> list[tuple[str, Choices]]:
        """(letter, what was shown) of each pass of a sample with options; the letter is empty where none was read."""
        return chosen_letters(sample, score, self.texts.get(sample.id, ""), self.circular)

    def chosen(self, sample: Sample, score: SampleScore) -> list[str | None]:
        """The text of the option that each pass's answer chose; None where none was read."""
        return [choices.get(letter) for letter, choices in self.letters(sample, score)]

    def _meaning(self, sample: Sample, score: SampleScore) -> Meaning:
        if score.status != "answered":
            return None
        if sample.options:
            texts = self.chosen(sample, score)
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
