"""An engine that computes no answer twice: what one variant of a model was asked, another need not be asked again."""

from __future__ import annotations

from collections.abc import Generator, Hashable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from emma_eval.inference.batched import BatchedEngine
from emma_eval.inference.engine import EngineDescription, Outcome
from emma_eval.types import Generation, InferenceStats, Request

SharedAnswers = dict[Hashable, Generation]


@dataclass(frozen=True, slots=True)
class SharingEngine:
    """Answers what is new to `answers` by the engine, and remembers it there.

    The same input has the same answer: a variant of the weights that images pass changes nothing for a request without
    image, a variant of the instruction nothing where the instruction is the same.
    """

    engine: BatchedEngine
    weights: str  # which weights the images' features pass; the same text for the same weights
    answers: SharedAnswers = field(repr=False)

    def describe(self) -> EngineDescription:
        """As of the engine."""
        return self.engine.describe()

    def close(self) -> None:
        """Close the engine; the answers stay for the next one."""
        self.engine.close()

    def generate(self, requests: Sequence[Request], stats: InferenceStats) -> Generator[Outcome]:
        """Yield the outcomes of known inputs at once, then those of the others as they are computed."""
        inputs = [self._input(request) for request in requests]
        new = []
        for index, key in enumerate(inputs):
            if known := self.answers.get(key):
                yield index, replace(known, seconds=0.0)
            else:
                new.append(index)
        with closing(self.engine.generate([requests[index] for index in new], stats)) as outcomes:
            for place, outcome in outcomes:
                index = new[place]
                if isinstance(outcome, Generation):
                    self.answers[inputs[index]] = outcome
                yield index, outcome

    def _input(self, request: Request) -> Hashable:
        """All that the answer depends on: the request but for its name; of a text alone neither what images pass."""
        what_images_pass = (self.weights, request.instruction) if request.images else ()
        return replace(request, sample_id="", pass_index=0, instruction=""), what_images_pass
