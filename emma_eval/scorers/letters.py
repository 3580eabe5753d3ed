"""Multiple choice by the letter: benchmarks without an official reading of free answers, and EMMA's own counts.

`vlmevalkit` reads the letter as VLMEvalKit's exact matching does. EMMA's scripts read none: they want the output to
equal the letter (MMMU, MuirBench, A-Bench), in any case (FOIL), or to contain it (MMVP, Q-Bench), so that `A` is in
every answer that begins with `A dog`.

Reads of a Sample: `options`, `answers` (the letter), `category`, every text in meta (for the breakdown), and meta
`pair`, what questions share that count only together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import ascii_uppercase
from typing import Literal

from emma_eval.scorers.arithmetic import mean_percent
from emma_eval.scorers.common import accuracies, averaged, by_group, image_of, require_truth, score_each, unread_note
from emma_eval.scorers.option_matching import infer
from emma_eval.types import Answers, Sample, SampleScore, Scores

Matching = Literal["vlmevalkit", "exact", "any_case", "contains"]
NOT_A_GROUP = frozenset(("image",))  # a meta entry that tells samples apart, not kinds of them


def letters(samples: Sequence[Sample], answers: Answers, *, matching: Matching = "vlmevalkit") -> Scores:
    """Accuracy in percent: overall, of pairs where there are any, by category, and by every text in meta."""
    require_truth(samples, lambda sample: ascii_uppercase[: len(sample.options)])

    def read(sample: Sample, text: str) -> tuple[float, str]:
        return is_right(sample, text, matching)

    paired = "pair" in samples[0].meta
    scored = score_each(samples, answers, read, pair_of if paired else image_of)
    hits = [score.score for score in scored]
    metrics = [averaged("accuracy", hits, mean_percent)]
    if paired:
        pairs = by_group(((pair_of(sample),) for sample in samples), hits).values()
        both = [float(all(pair.values)) for pair in pairs]
        metrics.append(averaged("pair_accuracy", both, mean_percent, places=[pair.places[0] for pair in pairs]))
    metrics += accuracies(by_group(map(_groups, samples), hits), mean_percent)
    return Scores(tuple(metrics), tuple(scored), _notes(samples, scored, matching), "pair" if paired else "image")


def is_right(sample: Sample, text: str, matching: Matching) -> tuple[float, str]:
    """(1 or 0, the letter as it was read)."""
    gold = sample.references[0]
    if matching == "contains":
        return float(gold in text), text
    if matching == "vlmevalkit":
        read_as = infer(text, dict(zip(ascii_uppercase, sample.options, strict=False))) or ""
    else:
        read_as = text.strip().upper() if matching == "any_case" else text.strip()
    return float((read_as,) == sample.references), read_as


def _notes(samples: Sequence[Sample], scored: Sequence[SampleScore], matching: Matching) -> tuple[str, ...]:
    """How many answers to questions with options have no letter of theirs."""
    found = []
    for sample, score in zip(samples, scored, strict=True):
        known = ascii_uppercase[: len(sample.options)]
        if known and score.status == "answered":
            holds = [letter for letter in known if letter in score.parsed_answer] if matching == "contains" else ()
            found.append(holds[0] if holds else score.parsed_answer if score.parsed_answer in tuple(known) else "")
    return unread_note(found, tuple(ascii_uppercase))


def pair_of(sample: Sample) -> str:
    """What the sample shares with those that count together with it."""
    return str(sample.meta["pair"])


def _groups(sample: Sample) -> Iterator[tuple[str, str]]:
    if sample.category:
        yield "category", sample.category
    for group, value in sample.meta.items():
        if isinstance(value, str) and value and group not in NOT_A_GROUP:
            yield group, value
