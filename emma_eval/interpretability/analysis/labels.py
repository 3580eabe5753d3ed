"""Answers as labels: what a model or a reference says, comparable within a task."""

from __future__ import annotations

from collections import Counter

from emma_eval.types import Sample

MOST_LETTERS = 40


def answer_label(sample: Sample, answer: str) -> str:
    """An answer without case, outer space and final point; of a letter that stands for an option, the option.

    So that a label is what is said, not where it stood among the options.
    """
    text = " ".join(answer.lower().split()).removesuffix(".")
    letter = text.strip("()")
    if len(letter) == 1 and 0 <= (index := ord(letter) - ord("a")) < len(sample.options):
        text = " ".join(sample.options[index].lower().split()).removesuffix(".")
    return (text[: MOST_LETTERS - 3] + "..." if len(text) > MOST_LETTERS else text) or "(empty)"


def reference_label(sample: Sample) -> str | None:
    """The label of the reference that most annotators gave, the first of equals; None where it is held back."""
    if not sample.references:
        return None
    return Counter(answer_label(sample, reference) for reference in sample.references).most_common(1)[0][0]
