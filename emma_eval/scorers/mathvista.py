"""MathVista by its extract_answer.py and calculate_score.py, without the judge model of the former.

First the answer is extracted from the response. Rules cover the plain cases. For the others the official tool asks
GPT-4; here such a response is unextracted, which counts as wrong, and a note says how many there are. Answers that were
extracted elsewhere can be scored as they are. Then the extraction is normalised to the form of the reference and
compared.

Reads of a Sample: `options`, `references` (one text), meta `question_type`, `answer_type`, `precision`, and for the
breakdowns `language`, `source`, `category`, `task`, `context`, `grade`, `skills` (a sequence).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from emma_eval.scorers.arithmetic import mean
from emma_eval.scorers.common import group_accuracies, group_samples, mean_metric, require_references, score_samples
from emma_eval.types import Answers, Metric, Ratio, Sample, Scores

QUOTED_ANSWER = re.compile(r'The answer is "(.*)"\.')
BRACKETED_LETTER = re.compile(r"\(([a-zA-Z])\)")
GROUPS = ("question_type", "answer_type", "language", "source", "category", "task", "context", "grade")
UNEXTRACTED = "<unextracted>"


def mathvista(
    samples: Sequence[Sample], answers: Answers, *, extraction: Literal["rules", "quick", "done"] = "quick"
) -> Scores:
    """Accuracy (a fraction): overall, and by question type, answer type, language, source, task, skill and others.

    `rules` is the official extraction, `quick` the same with --quick_extract; `done` takes answers that are
    extractions already, by a judge model for example.
    """
    require_references(samples)

    def grade(sample: Sample, text: str) -> tuple[float, str]:
        found = text if extraction == "done" else extract(text, sample, quick=extraction == "quick")
        if found is None:
            return 0.0, UNEXTRACTED
        normalized = normalize(found, sample)
        return float(normalized == sample.references[0]), normalized or ""

    sample_scores = score_samples(samples, answers, grade)
    scores = [score.score for score in sample_scores]
    unparsed = [float(score.parsed_answer == UNEXTRACTED) for score in sample_scores]
    unextracted, n = int(sum(unparsed)), len(scores)
    metrics = [
        mean_metric("accuracy", scores, mean, "fraction"),
        Metric("unextracted", unextracted, n, "count", higher_is_better=False, ratios=(Ratio(unparsed),), scale=n),
        *group_accuracies(group_samples(map(_groups, samples), scores), mean, "fraction"),
    ]
    return Scores(tuple(metrics), tuple(sample_scores), tuple(_notes(unextracted, n)))


def extract(response: str, sample: Sample, *, quick: bool) -> str | None:
    """The answer by the official rules; None where the official tool asks a model."""
    kind = sample.meta["answer_type"]
    if response == "" or (sample.meta["question_type"] == "multi_choice" and response in sample.options):
        return response
    try:
        if kind == "integer":
            return str(int(response))
        if kind == "float":
            return str(float(response))
    except ValueError:
        pass
    quoted = QUOTED_ANSWER.search(response) if quick else None
    return quoted[1] if quoted else None


def normalize(extraction: str, sample: Sample) -> str | None:
    """The extraction in the form of the reference: an option's text, an integer, a float of `precision` decimals.

    None if it has no such form.
    """
    if sample.meta["question_type"] == "multi_choice":
        return _option(extraction.strip(), sample.options)
    try:
        if sample.meta["answer_type"] == "integer":
            return str(int(float(extraction)))
        if sample.meta["answer_type"] == "float":
            return str(round(float(extraction), int(sample.meta["precision"])))
    except (ValueError, OverflowError, TypeError):
        return None
    return extraction


def _option(text: str, options: Sequence[str]) -> str:
    """The option of the first bracketed letter, else of a bare capital, else the one with the least edit distance."""
    bracketed = BRACKETED_LETTER.search(text)
    letter = bracketed[1].upper() if bracketed else text
    letters = [chr(ord("A") + index) for index in range(len(options))]
    if letter in letters:
        return options[letters.index(letter)]
    return min(options, key=lambda option: edit_distance(option, letter))


def edit_distance(pattern: str, text: str) -> int:
    """Levenshtein distance: insertions, deletions and replacements of single characters.

    Computed with the bit vectors of Myers and Hyyro: bit i is the difference between the distances of pattern[:i + 1]
    and pattern[:i] to the text so far. A column takes a few integer operations, so 100,000 characters take a moment.
    """
    if not pattern:
        return len(text)
    last, every = 1 << (len(pattern) - 1), (1 << len(pattern)) - 1
    positions: dict[str, int] = {}  # character -> bit vector of its positions in the pattern
    for i, char in enumerate(pattern):
        positions[char] = positions.get(char, 0) | 1 << i
    higher, lower, distance = every, 0, len(pattern)  # bits where the next distance is one more, one less
    for char in text:
        equal = positions.get(char, 0)
        zero = (((equal & higher) + higher) ^ higher) | equal | lower
        up, down = lower | (every & ~(zero | higher)), higher & zero
        distance += bool(up & last) - bool(down & last)
        up, down = up << 1 | 1, down << 1
        higher, lower = every & (down | ~(zero | up)), up & zero & every
    return distance


def _groups(sample: Sample) -> Iterator[tuple[str, str]]:
    for group in GROUPS:
        if group in sample.meta:
            yield group, sample.meta[group]
    for skill in sample.meta.get("skills", ()):
        yield "skills", skill


def _notes(unextracted: int, n: int) -> Iterator[str]:
    if unextracted:
        yield (
            f"{unextracted:,} of {n:,} responses are unextracted and count as wrong: the official tool asks a model "
            "for their answers, as `judge` does; what was extracted elsewhere is scored by --protocol extracted"
        )
