"""The input of every submission format: a task's samples with all of their answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emma_eval.errors import UserError
from emma_eval.types import Answers, Sample


@dataclass(frozen=True, slots=True)
class AnsweredTask:
    """Samples, and an answer to each of their passes."""

    samples: Sequence[Sample]
    answers: Answers
    model: str
    output: Path  # the file to be written: its suffix may choose between formats
    all_questions: Path | None = None  # file with the questions of the server's whole split
    clean: Callable[[str], str] = str  # applied to every answer, as LLaVA's scripts do

    def text(self, sample: Sample, pass_index: int = 0) -> str:
        """The answer to one pass. Raises UserError if it is missing, which no format allows."""
        answer = self.answers.get((sample.id, pass_index))
        if answer is None:
            answered = {sample_id for sample_id, _ in self.answers}
            missing = sum(sample.id not in answered for sample in self.samples)
            which = f"{missing:,} of {len(self.samples):,} questions have" if missing else "a pass of a question has"
            raise UserError(f"{which} no answer, the first is {sample.id}; run the task to its end before submitting")
        return self.clean(answer.text)


def integer_id(sample: Sample) -> int:
    """The sample's id as an integer, as servers want it. Raises UserError if it is none."""
    if not sample.id.isdecimal():
        raise UserError(f"the server takes whole numbers as question ids, and {sample.id!r} is none")
    return int(sample.id)
