"""What every format is made of: a task's samples with all of their answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.types import Answers, Sample


@dataclass(frozen=True, slots=True)
class Answered:
    """Samples, and an answer to each of their passes."""

    samples: Sequence[Sample]
    answers: Answers
    model: str
    output: Path  # the file to be written: its suffix may choose between formats
    all_questions: Path | None = None  # of the server's whole split
    clean: Callable[[str], str] = str  # what an answer passes through, as LLaVA's scripts do it

    def text(self, sample: Sample, pass_index: int = 0) -> str:
        """The answer to one pass. Raises UserError where there is none: no format has room for that."""
        answer = self.answers.get((sample.id, pass_index))
        if answer is None:
            given = {sample_id for sample_id, _ in self.answers}
            missing = sum(sample.id not in given for sample in self.samples)
            which = f"{missing:,} of {len(self.samples):,} questions have" if missing else "a pass of a question has"
            raise UserError(f"{which} no answer, the first is {sample.id}; run the task to its end before submitting")
        return self.clean(answer.text)


def whole_number(sample: Sample) -> int:
    """The sample's id as the server wants it. Raises UserError for one that is no whole number."""
    if not sample.id.isdecimal():
        raise UserError(f"the server takes whole numbers as question ids, and {sample.id!r} is none")
    return int(sample.id)
