"""Options in another order, and the option that an answer chose."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from string import ascii_uppercase
from typing import TypeVar

from emma_eval.robustness.left_out import Changed, LeftOut
from emma_eval.robustness.variants import Variant
from emma_eval.scorers.option_matching import infer_letter
from emma_eval.tasks.circular import Choices, pass_choices
from emma_eval.tasks.config import TaskConfig
from emma_eval.types import Sample, SampleScore

T = TypeVar("T")

# "none of the above", "both A and B": such an option means another thing in another place.
_POINTS = re.compile(
    r"<image|\b(?:all|none|both|neither|any|either|some)\b.*\b(?:above|below)\b|\b[A-H]\b\s*(?:,|and|or|&)\s*\b[A-H]\b",
    re.IGNORECASE,
)


def reordered(task: TaskConfig, samples: Sequence[Sample], variant: Variant) -> Changed:
    """The samples whose options can stand in the variant's order, with the letters of the right answers moved."""
    changed = Changed()
    for sample in samples:
        reason = _obstacle(task, sample, variant)
        if reason is None:
            changed.samples.append(_reordered(sample, variant))
        else:
            changed.leave_out(reason)
    return changed


def _obstacle(task: TaskConfig, sample: Sample, variant: Variant) -> LeftOut | None:
    """Why the sample's options can't stand in the variant's order."""
    shown = [len(choices) for choices in pass_choices(sample, task.circular)]
    most = task.prompt.max_options
    letters = ascii_uppercase[: len(sample.options)]
    obstacles = {
        LeftOut.NO_OPTIONS: not sample.options,
        LeftOut.OPTIONS_IN_QUESTION: not task.prompt.option,
        LeftOut.CIRCULAR: task.circular and variant.options == "rotated",
        LeftOut.FEW_OPTIONS: min(shown, default=0) <= (variant.places or 1),
        LeftOut.HIDDEN_OPTIONS: most is not None and most < len(sample.options),
        LeftOut.OPTION_POINTS: any(map(_POINTS.search, sample.options)),
        LeftOut.NO_LETTER: not all(reference in tuple(letters) for reference in sample.references),
    }
    return next((reason for reason, is_so in obstacles.items() if is_so), None)


def _reordered(sample: Sample, variant: Variant) -> Sample:
    options = in_order(sample.options, variant)
    places = in_order(range(len(sample.options)), variant)
    letters = {ascii_uppercase[old]: ascii_uppercase[new] for new, old in enumerate(places)}
    references = tuple(letters[reference] for reference in sample.references)
    meta = dict(sample.meta)
    if "passes" in meta:
        meta["passes"] = tuple(_reordered_pass(choices, letter, variant) for choices, letter in meta["passes"])
    return replace(sample, options=tuple(options), references=references, meta=meta)


def _reordered_pass(choices: Choices, right: str, variant: Variant) -> tuple[Choices, str]:
    """A pass with its texts in the variant's order below the same letters, which may have gaps."""
    old = in_order(list(choices), variant)
    new = {letter: choices[source] for letter, source in zip(choices, old, strict=True)}
    moved = {source: letter for letter, source in zip(choices, old, strict=True)}
    return new, moved.get(right, right)


def in_order(items: Sequence[T], variant: Variant) -> list[T]:
    """The items as the variant orders options."""
    if variant.options == "reversed":
        return list(reversed(items))
    places = variant.places or 0
    return [*items[places:], *items[:places]]


def chosen_letters(sample: Sample, score: SampleScore, text: str, circular: bool) -> list[tuple[str, Choices]]:
    """(the letter that the scorer read, or empty; what was shown) of each pass of a sample with options.

    A letter that the answer's text does not give is empty: MMMU's official tool draws one at random.
    """
    shown = pass_choices(sample, circular)
    parsed: Sequence[str] = score.parsed_answer if circular else [score.parsed_answer]
    if len(parsed) != len(shown) or score.status != "answered":
        parsed = [""] * len(shown)
    pairs = zip(parsed, shown, strict=True)
    letters = [one if one in choices else infer_letter(one, choices) or "" for one, choices in pairs]
    if not circular and letters[0] in shown[0] and not _gives(text, letters[0], shown[0][letters[0]]):
        letters = [""]
    return list(zip(letters, shown, strict=True))


def _gives(text: str, letter: str, option: str) -> bool:
    said = text.strip()
    return said.upper() == letter or bool(re.search(rf"\b{letter}\b", said)) or option.casefold() in said.casefold()
