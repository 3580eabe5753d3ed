"""MMMU by its main_parse_and_eval.py: the letter or the short answer is parsed from free text by rules.

If the rules find no letter, the official tool draws one at random (seed 42). So does this scorer, in the same order of
subjects and rows, and a note says how often.

Reads of a Sample: `options` (none for an open question), `references` (letters, or the accepted texts), `category` (the
subject).
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from string import ascii_uppercase
from typing import Literal

from emma_eval.scorers.arithmetic import mean, naive_sum
from emma_eval.scorers.common import group_accuracies, group_samples, require_references, score_samples, unparsed_note
from emma_eval.scorers.mmmu_open import open_is_right, parse_open
from emma_eval.types import Answers, Metric, Ratio, Sample, SampleScore, Scores
from emma_eval.utils.text import pluralize

DOMAINS = {
    "Art and Design": ("Art", "Art_Theory", "Design", "Music"),
    "Business": ("Accounting", "Economics", "Finance", "Manage", "Marketing"),
    "Science": ("Biology", "Chemistry", "Geography", "Math", "Physics"),
    "Health and Medicine": (
        "Basic_Medical_Science", "Clinical_Medicine", "Diagnostics_and_Laboratory_Medicine", "Pharmacy",
        "Public_Health",
    ),
    "Humanities and Social Science": ("History", "Literature", "Sociology", "Psychology"),
    "Tech and Engineering": (
        "Agriculture", "Architecture_and_Engineering", "Computer_Science", "Electronics", "Energy_and_Power",
        "Materials", "Mechanical_Engineering",
    ),
}  # fmt: skip
SEED = 42
STRIPPED = ",.!?;:'"  # stripped one after the other: of `!.` the full stop goes, of `.!` both
TOKENS_FOR_TEXT = 5  # option texts are searched in longer responses only


def mmmu(samples: Sequence[Sample], answers: Answers, *, responses: Literal["free", "parsed"] = "free") -> Scores:
    """Accuracy (a fraction): overall, by subject and by domain.

    `responses="parsed"` takes answers that are letters already, as main_eval_only.py does.
    """
    require_references(samples, lambda sample: ascii_uppercase[: len(sample.options)])
    generator = Random(SEED)
    drawn: list[str] = []

    def grade(sample: Sample, text: str) -> tuple[float, str]:
        if not sample.options:
            return float(open_is_right(sample.references, parse_open(text))), text
        letter = text if responses == "parsed" else parse_letter(text, sample.options)
        if letter is None:
            letter = generator.choice(ascii_uppercase[: len(sample.options)])
            drawn.append(sample.id)
        return float(letter in sample.references), letter

    in_order = sorted(samples, key=lambda sample: sample.category)  # stable: rows keep their order within a subject
    by_id = {score.id: score for score in score_samples(in_order, answers, grade)}
    sample_scores = tuple(by_id[sample.id] for sample in samples)
    notes = _without_letter(samples, sample_scores) if responses == "parsed" else ()
    if drawn:
        notes = (f"{pluralize(len(drawn), 'answer')} gave no letter and drew one at random, as the official tool does",)
    return Scores(tuple(_metrics(samples, sample_scores)), sample_scores, notes)


def _without_letter(samples: Sequence[Sample], sample_scores: Sequence[SampleScore]) -> tuple[str, ...]:
    """A note on parsed answers that are no letter; open questions have none."""
    pairs = zip(samples, sample_scores, strict=True)
    letters = [score.parsed_answer for sample, score in pairs if sample.options and score.status == "answered"]
    return unparsed_note(letters, tuple(ascii_uppercase))


def parse_letter(response: str, options: Sequence[str]) -> str | None:
    """The last `(X)`; else the last X between blanks; else, in a long response, the option whose text comes last."""
    for mark in STRIPPED:
        response = response.strip(mark)
    response = f" {response} "
    letters = ascii_uppercase[: len(options)]
    for form in ("({})", " {} "):
        found = {letter: response.rfind(form.format(letter)) for letter in letters if form.format(letter) in response}
        if found:
            return max(found, key=found.__getitem__)
    if len(response.split()) <= TOKENS_FOR_TEXT:
        return None
    text = response.lower()
    found = {
        letter: text.rfind(option.lower())
        for letter, option in zip(letters, options, strict=True)
        if option.lower() in text
    }
    return max(found, key=found.__getitem__) if found else None


def _metrics(samples: Sequence[Sample], sample_scores: Sequence[SampleScore]) -> list[Metric]:
    """Means over subjects weighted by their sizes, as the tool has them: its last digits are not the plain mean's."""
    scores = group_samples(((sample.category,) for sample in samples), (score.score for score in sample_scores))

    def accuracy(subjects: Sequence[str], group: str = "", domain: str = "") -> Metric:
        members = [scores[subject] for subject in subjects]
        values = [value for rows in members for value in rows.scores]
        indices = [index for rows in members for index in rows.indices]
        weighted = naive_sum(mean(rows.scores) * len(rows.scores) for rows in members)
        ratios = (Ratio(values, sample_indices=indices),)
        return Metric("accuracy", weighted / len(values), len(values), "fraction", group, domain, ratios=ratios)

    present = {domain: [subject for subject in subjects if subject in scores] for domain, subjects in DOMAINS.items()}
    return [
        accuracy(sorted(scores)),
        *(accuracy(subjects, "domain", domain) for domain, subjects in present.items() if subjects),
        *group_accuracies({("subject", subject): scores[subject] for subject in sorted(scores)}, mean, "fraction"),
    ]
