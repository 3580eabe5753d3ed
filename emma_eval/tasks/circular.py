"""Circular evaluation: a question is asked once per rotation of its options, and counts when every pass is right.

Pass 0 has the options in the benchmark's order; in pass r they are rotated left by r places. MMBench's files list the
passes themselves, which then stand in the sample's meta entry `passes`: (letter -> text, the right letter) for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from string import ascii_uppercase
from typing import TypeVar

from emma_eval.types import Sample

INDEX_STEP = 1_000_000  # pass r of MMBench's question i has the index i + 1,000,000 r
Choices = Mapping[str, str]  # letter -> text
_T = TypeVar("_T")
_NO_CHOICES: Choices = {}


def label_options(options: Sequence[str]) -> Choices:
    """A -> first option, B -> second, ..."""
    return {chr(ord("A") + index): text for index, text in enumerate(options)} if options else _NO_CHOICES


def rotations(options: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """The options as each pass shows them, as many passes as options."""
    return ([*options[shift:], *options[:shift]] for shift in range(len(options)))


def rotated_letter(letter: str, pass_index: int, num_options: int) -> str:
    """The letter in a pass of the option that has this letter in pass 0."""
    return ascii_uppercase[(ascii_uppercase.index(letter) - pass_index) % num_options]


def pass_choices(sample: Sample, circular: bool) -> Sequence[Choices]:
    """What each pass shows: one pass, or those of a circular evaluation."""
    if not circular:
        return [label_options(sample.options)]
    if "passes" in sample.meta:
        return [choices for choices, _ in sample.meta["passes"]]
    return [label_options(options) for options in rotations(sample.options)]


def circular_passes(sample: Sample) -> Sequence[tuple[Choices, str]]:
    """(choices, right letter) of each pass of a sample whose reference is a letter."""
    if "passes" in sample.meta:
        return list(sample.meta["passes"])
    choices = pass_choices(sample, circular=True)
    letters = (rotated_letter(sample.references[0], index, len(choices)) for index in range(len(choices)))
    return list(zip(choices, letters, strict=True))
