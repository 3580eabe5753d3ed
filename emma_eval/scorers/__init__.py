"""The scorer room: one file per metric family, each found here by name.

A scorer takes Samples and Answers and returns Scores; what it reads of a Sample is said at the head of its file.
Variants of a protocol (LLaVA's answer processor, exact letters, ...) are options of the function, which a task's
`protocols` name. Another package adds scorers by entry points of the group `emma_eval.scorers`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args, get_type_hints

from emma_eval.errors import UserError
from emma_eval.plugins import imported, require, with_plugins
from emma_eval.scorers.common import truth_is_known
from emma_eval.text import did_you_mean
from emma_eval.types import Answers, Sample, Scorer, Scores

_SHIPPED: dict[str, str] = {
    "amber": "emma_eval.scorers.amber:amber",
    "amber_emma": "emma_eval.scorers.amber_emma:amber_emma",
    "amber_generative": "emma_eval.scorers.amber_generative:amber_generative",
    "captions": "emma_eval.scorers.captions:captions",
    "contains": "emma_eval.scorers.contains:contains",
    "exact": "emma_eval.scorers.exact:exact",
    "gqa": "emma_eval.scorers.gqa:gqa",
    "hallusionbench": "emma_eval.scorers.hallusionbench:hallusionbench",
    "judged": "emma_eval.scorers.judged:judged",
    "letters": "emma_eval.scorers.letters:letters",
    "mathvista": "emma_eval.scorers.mathvista:mathvista",
    "mmbench": "emma_eval.scorers.mmbench:mmbench",
    "mme": "emma_eval.scorers.mme:mme",
    "mmmu": "emma_eval.scorers.mmmu:mmmu",
    "pope": "emma_eval.scorers.pope:pope",
    "scienceqa": "emma_eval.scorers.scienceqa:scienceqa",
    "seed": "emma_eval.scorers.seed:seed",
    "vizwiz": "emma_eval.scorers.vizwiz:vizwiz",
    "vqa": "emma_eval.scorers.vqa:vqa",
    "vqa_m4c": "emma_eval.scorers.vqa:vqa_m4c",
}


def known_scorers() -> dict[str, str]:
    """Name -> place of every scorer, those of other packages included."""
    return with_plugins("scorers", _SHIPPED)


def get_scorer(name: str, **options: str) -> Scorer:
    """The scorer of that name with its options set.

    Raises UserError for a name, an option or an option's value that does not exist, with the nearest one that does.
    """
    scorers = known_scorers()
    if name not in scorers:
        raise UserError(f"unknown scorer {name!r}{did_you_mean(name, scorers)}")
    scorer = imported(scorers[name])
    known = _options(scorer)
    for option, value in options.items():
        if option not in known:
            raise UserError(f"scorer {name!r} has no option {option!r}{did_you_mean(option, known)}")
        if value not in known[option]:
            raise UserError(f"scorer {name!r}: {option} cannot be {value!r}{did_you_mean(str(value), known[option])}")
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


def require_tools(name: str) -> bool:
    """Whether the scorer needs programs or packages. Raises UserError, with the mend, for one that is not installed."""
    return require(known_scorers()[name])


def require_ready(name: str, options: Mapping[str, str], samples: Sequence[Sample], metric: str) -> None:
    """Raise UserError, with the mend, for what would keep the samples from a score of that metric, as far as is seen.

    A missing tool would, and so would a truth that only some have; a scorer that needs no tool is tried on the first
    sample. Where all truth is held back, nothing is in the way: there is no score.
    """
    if not truth_is_known(samples) or require_tools(name):
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
