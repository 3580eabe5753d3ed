"""The scorer room: one file per metric family, each found here by name.

A scorer takes Samples and Answers and returns Scores; what it reads of a Sample is said at the head of its file.
Variants of a protocol (LLaVA's answer processor, exact letters, ...) are options of the function, which a task's
`protocols` name. Another package adds scorers by entry points of the group `emma_eval.scorers`.

May import: `types`, `registry`, `utils`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args, get_type_hints

from emma_eval.errors import UserError
from emma_eval.registry import known, look_up, require_tools
from emma_eval.scorers.common import truth_is_known
from emma_eval.types import Answers, Sample, Scorer, Scores
from emma_eval.utils.text import did_you_mean


def get_scorer(name: str, **options: str) -> Scorer:
    """The scorer of that name with its options set.

    Raises UserError for a name, an option or an option's value that does not exist, with the nearest one that does.
    """
    scorers = known("scorers")
    if name not in scorers:
        raise UserError(f"unknown scorer {name!r}{did_you_mean(name, scorers)}")
    scorer = look_up("scorers", name)
    values = _options(scorer)
    for option, value in options.items():
        if option not in values:
            raise UserError(f"scorer {name!r} has no option {option!r}{did_you_mean(option, values)}")
        if value not in values[option]:
            raise UserError(f"scorer {name!r}: {option} cannot be {value!r}{did_you_mean(str(value), values[option])}")
    return _worded(name, functools.partial(scorer, **options))


def _worded(name: str, scorer: Scorer) -> Scorer:
    """The scorer, whose missing of a meta entry is a UserError: a task file has it read another benchmark's samples."""

    def scored(samples: Sequence[Sample], answers: Answers) -> Scores:
        try:
            return scorer(samples, answers)
        except KeyError as error:
            key = error.args[0]
            if all(key in sample.meta for sample in samples):
                raise
            raise UserError(
                f"the scorer {name!r} reads {key!r} of every sample, which the task's reader does not give; with the "
                "reader `table`, `columns.meta` can name a column for it"
            ) from error

    return scored


def require_ready(name: str, options: Mapping[str, str], samples: Sequence[Sample], metric: str) -> None:
    """Raise UserError, with the mend, for what would keep the samples from a score of that metric, as far as is seen.

    A missing tool would, and so would a truth that only some have; a scorer that needs no tool is tried on the first
    sample. Where all truth is held back, nothing is in the way: there is no score.
    """
    if not truth_is_known(samples) or require_tools("scorers", name):
        return
    scores = get_scorer(name, **options)(samples[:1], {})
    given = [one.name for one in scores.metrics if not one.group]
    if metric not in given:
        raise UserError(f"key 'metric': the scorer {name!r} gives no {metric!r}{did_you_mean(metric, given)}")


def _options(scorer: Callable[..., Any]) -> dict[str, tuple[str, ...]]:
    """Option name -> its possible values, read off the Literal annotations of the keyword-only parameters."""
    hints = get_type_hints(scorer)
    parameters = inspect.signature(scorer).parameters.values()
    return {p.name: get_args(hints[p.name]) for p in parameters if p.kind is p.KEYWORD_ONLY}
