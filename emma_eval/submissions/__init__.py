"""Files of answers for who scores them elsewhere, a judge model or a test server: one format a name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import cast

from emma_eval.errors import UserError
from emma_eval.types import Answers, Sample

# Name -> function of (samples, their texts in order, the model's name) that returns the file's content.
FORMATS = {
    "llava_bench": "emma_eval.submissions.llava_bench:llava_bench",
    "mmvet": "emma_eval.submissions.mmvet:mmvet",
}
Format = Callable[[Sequence[Sample], Sequence[str], str], str]


def submission(name: str, samples: Sequence[Sample], answers: Answers, model: str) -> str:
    """The content of the file. Raises UserError where a question has no answer: no format has room for that."""
    missing = [sample.id for sample in samples if (sample.id, 0) not in answers]
    if missing:
        raise UserError(
            f"{len(missing):,} of {len(samples):,} questions have no answer, the first is {missing[0]}; "
            "run the task to its end before submitting"
        )
    module, function = FORMATS[name].split(":")
    written = cast(Format, getattr(import_module(module), function))
    return written(samples, [answers[sample.id, 0].text for sample in samples], model)
