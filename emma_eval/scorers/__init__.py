"""Scorers: one file per metric family, found by name through the registry.

A scorer maps Samples and Answers to Scores. The docstring at the head of its file lists the fields of a Sample that it
reads. Variants (LLaVA's answer processor, exact letters, ...) are keyword options of the function, which a task's
`protocols` set. Other packages add scorers by entry points of the group `emma_eval.scorers`.

Every scorer raises UserError, naming the sample, for samples that it cannot score: one without a reference answer, or
with one that its benchmark does not know. An answer that cannot be parsed is wrong, never an error.

May import: `types`, `registry`, `utils`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args, get_type_hints

from emma_eval.errors import UserError
from emma_eval.registry import entries, look_up, require_tools
from emma_eval.scorers.common import references_are_known
from emma_eval.types import Answers, Sample, Scorer, Scores
from emma_eval.utils.text import did_you_mean


def get_scorer(name: str, **options: str) -> Scorer:
    """The scorer of that name with its options set.

    Raises UserError for a name, an option or an option's value that does not exist, with the nearest one that does.
    """
    scorers = entries("scorers")
    if name not in scorers:
        raise UserError(f"unknown scorer {name!r}{did_you_mean(name, scorers)}")
    scorer = look_up("scorers", name)
    values = _options(scorer)
    for option, value in options.items():
        if option not in values:
            raise UserError(f"scorer {name!r} has no option {option!r}{did_you_mean(option, values)}")
        if values[option] and value not in values[option]:
            raise UserError(f"scorer {name!r}: {option} cannot be {value!r}{did_you_mean(str(value), values[option])}")
    return _explain_missing_meta(name, functools.partial(scorer, **options))


def _explain_missing_meta(name: str, scorer: Scorer) -> Scorer:
    """The scorer, with a UserError for a missing meta entry: the task file combines it with another reader."""

    def score(samples: Sequence[Sample], answers: Answers) -> Scores:
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

    return score


def require_ready(name: str, options: Mapping[str, str], samples: Sequence[Sample], metric: str) -> None:
    """Raise UserError, with a remedy, if the samples can't be scored with that metric; checked before a run begins.

    Reasons are a missing tool, references that only some samples have, and a metric that the scorer does not give
    (tried on the first sample if it needs no tool). Without any references there is no score and nothing to check.
    """
    if not references_are_known(samples) or require_tools("scorers", name):
        return
    scores = get_scorer(name, **options)(samples[:1], {})
    overall = [given.name for given in scores.metrics if not given.group]
    if metric not in overall:
        raise UserError(f"key 'metric': the scorer {name!r} gives no {metric!r}{did_you_mean(metric, overall)}")


def _options(scorer: Callable[..., Any]) -> dict[str, tuple[str, ...]]:
    """Option name -> possible values, from the Literal annotations of the keyword-only parameters; () for any text."""
    hints = get_type_hints(scorer)
    parameters = inspect.signature(scorer).parameters.values()
    return {p.name: get_args(hints[p.name]) for p in parameters if p.kind is p.KEYWORD_ONLY}
