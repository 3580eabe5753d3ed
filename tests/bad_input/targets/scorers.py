"""Hostile answers to every scorer of every shipped protocol."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emma_eval.scorers import get_scorer
from emma_eval.types import Answer, Answers, Sample, Scorer, Scores
from tests.bad_input.mutations import HOSTILE_VALUES, damaged
from tests.bad_input.outcome import Outcome, Target, require
from tests.scorer_samples import WAYS, answers_to, questions

LONG = 20_000  # characters
PIECES = (
    "(", ")", "[", "{", "\\frac{1}{", "$", "A", "B.", "(C)", "yes", "no", "not ", "1,000", "1e999", "0x1", "\u0663",
    "\xbd", "\xb2", "-", "%", "\n", "\t", "\0", "\ud800", "\u202e",
    "\xe9", "\u732b", "\U0001f642", "\x1b[2J", "<image>",
    "None", "nan", "a ", " and ", ",", ";", "'", '"', "answer: ", "The answer is ", "=", "/",
    "1/0", "1", "1.", "9" * 300, "\u0130",
    "\xdf", "\u01c5", "\ufb01",
)  # fmt: skip
WITHOUT = ("captions", "amber_generative", "judged")  # Java, word lists, judges; the corpus binds captions together


@dataclass(frozen=True)
class Way:
    """A scorer with its options, samples and sound answers to them, and the scores that those have."""

    name: str
    scorer: Scorer
    samples: Sequence[Sample]
    answers: Answers
    scores: Scores


def prepare(folder: Path) -> list[Way]:
    """Every (scorer, options) of the shipped tasks but the generative ones."""
    ways = []
    for name, options in WAYS:
        if name in WITHOUT:
            continue
        try:
            scorer = get_scorer(name, **dict(options))
            samples = questions(name)
            answers = answers_to(samples)
            ways.append(Way(name, scorer, samples, answers, scorer(samples, answers)))
        except (KeyError, TypeError):  # its samples need what `questions` does not give
            continue
    return ways


def hostile_text(rng: random.Random) -> str:
    """An answer that no sound model gives."""
    kind = rng.randrange(5)
    if kind == 0:
        value = rng.choice(HOSTILE_VALUES)
        return value if isinstance(value, str) else str(value)
    if kind == 1:
        return rng.choice(PIECES) * rng.choice((1, 100, LONG // 20, LONG))
    if kind == 2:
        return damaged(b"The answer is (B) yes, 1,234.5 cats", rng).decode("utf-8", "replace")
    if kind == 3:
        return "".join(
            chr(rng.choice((rng.randrange(128), rng.randrange(0x3000), rng.randrange(0x110000)))) for _ in range(40)
        )
    return "".join(rng.choices(PIECES, k=rng.choice((3, 30, 1000))))


def examine(ways: Sequence[Way], rng: random.Random) -> Outcome:
    """Give one to three samples a hostile answer in all of its passes."""
    way = rng.choice(ways)
    hit = {rng.choice(way.samples).id: hostile_text(rng) for _ in range(rng.randrange(1, 4))}
    answers = {key: Answer(hit.get(key[0], answer.text), answer.prompt) for key, answer in way.answers.items()}
    scores = way.scorer(way.samples, answers)
    require(len(scores.samples) == len(way.samples), "another number of samples")
    for before, after in zip(way.scores.samples, scores.samples, strict=True):
        require(0 <= after.score <= 1, f"{way.name}: {after.id} scores {after.score}")
        if after.id not in hit:
            require(
                (before.score, before.parsed_answer) == (after.score, after.parsed_answer),
                f"{way.name}: {after.id} is another, though its answer is not",
            )
    for metric in scores.metrics:
        require(math.isfinite(metric.value), f"{way.name}: {metric.name} is {metric.value}")
    require([m.name for m in scores.metrics] == [m.name for m in way.scores.metrics], f"{way.name}: other metrics")
    changed = [one.score for one in scores.samples] != [one.score for one in way.scores.samples]
    return Outcome.CHANGED if changed else Outcome.SAME


TARGET = Target(
    name="scorers",
    what="answers to every scorer but the generative ones: huge, deep, of any Unicode, numbers beyond any",
    wrong="another sample's score or parsed answer changes; a score outside 0 to 1; a metric not finite, or gone",
    count=500,
    prepare=prepare,
    examine=examine,
)
