"""Multiple choice by letter, for benchmarks without an official parser of free answers, and EMMA's own counts.

`vlmevalkit` parses the letter as VLMEvalKit's exact matching does. EMMA's scripts do not parse: the output must equal
the letter (MMMU, MuirBench, A-Bench), in any case (FOIL), or contain it (MMVP, Q-Bench), so `A dog` contains `A`.

Reads of a Sample: `options`, `references` (the letter), `category`, every text in meta (for the breakdown), and meta
`pair`, equal for questions that count only together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import ascii_uppercase
from typing import Literal

from emma_eval.scorers.arithmetic import mean_percent
from emma_eval.scorers.common import (
    group_accuracies,
    group_samples,
    image_of,
    mean_metric,
    require_references,
    score_samples,
    unparsed_note,
)
from emma_eval.scorers.option_matching import infer
from emma_eval.types import Answers, Sample, SampleScore, Scores

LetterMatching = Literal["vlmevalkit", "exact", "any_case", "contains"]
NOT_A_GROUP = frozenset(("image",))  # meta entries that identify a sample, not a kind of samples


def letters(samples: Sequence[Sample], answers: Answers, *, matching: LetterMatching = "vlmevalkit") -> Scores:
    """Accuracy in percent: overall, of pairs where there are any, by category, and by every text in meta."""
    require_references(samples, lambda sample: ascii_uppercase[: len(sample.options)])

    def grade(sample: Sample, text: str) -> tuple[float, str]:
        return is_right(sample, text, matching)

    paired = "pair" in samples[0].meta
    sample_scores = score_samples(samples, answers, grade, pair_of if paired else image_of)
    scores = [score.score for score in sample_scores]
    metrics = [mean_metric("accuracy", scores, mean_percent)]
    if paired:
        pairs = group_samples(((pair_of(sample),) for sample in samples), scores).values()
        both = [float(all(pair.scores)) for pair in pairs]
        metrics.append(mean_metric("pair_accuracy", both, mean_percent, indices=[pair.indices[0] for pair in pairs]))
    metrics += group_accuracies(group_samples(map(_groups, samples), scores), mean_percent)
    return Scores(
        tuple(metrics), tuple(sample_scores), _notes(samples, sample_scores, matching), "pair" if paired else "image"
    )


def is_right(sample: Sample, text: str, matching: LetterMatching) -> tuple[float, str]:
    """(1 or 0, the parsed letter)."""
    reference = sample.references[0]
    if matching == "contains":
        return float(reference in text), text
    if matching == "vlmevalkit":
        parsed = infer(text, dict(zip(ascii_uppercase, sample.options, strict=False))) or ""
    else:
        parsed = text.strip().upper() if matching == "any_case" else text.strip()
    return float((parsed,) == sample.references), parsed


def _notes(
    samples: Sequence[Sample], sample_scores: Sequence[SampleScore], matching: LetterMatching
) -> tuple[str, ...]:
    """A note on answers to questions with options that give none of their letters."""
    found = []
    for sample, score in zip(samples, sample_scores, strict=True):
        known = ascii_uppercase[: len(sample.options)]
        if known and score.status == "answered":
            holds = [letter for letter in known if letter in score.parsed_answer] if matching == "contains" else ()
            found.append(holds[0] if holds else score.parsed_answer if score.parsed_answer in tuple(known) else "")
    return unparsed_note(found, tuple(ascii_uppercase))


def pair_of(sample: Sample) -> str:
    """The pair that the sample belongs to."""
    return str(sample.meta["pair"])


def _groups(sample: Sample) -> Iterator[tuple[str, str]]:
    if sample.category:
        yield "category", sample.category
    for group, value in sample.meta.items():
        if isinstance(value, str) and value and group not in NOT_A_GROUP:
            yield group, value
