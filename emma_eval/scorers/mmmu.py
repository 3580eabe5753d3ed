"""MMMU by its main_parse_and_eval.py: the letter or the short answer is read out of free text by rules.

Where the rules find no letter, the official tool draws one at random (seed 42); so does this, in its order of subjects
and rows, and a note tells how often.

Reads of a Sample: `options` (none for an open question), `answers` (letters, or the texts that count), `category` (the
subject).
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from string import ascii_uppercase
from typing import Literal

from emma_eval.scorers.arithmetic import mean, naive_sum
from emma_eval.scorers.common import accuracies, by_group, require_truth, score_each, unread_note
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
STRIPPED = ",.!?;:'"  # one after the other, so that of `!.` the mark goes and of `.!` both do
TOKENS_FOR_TEXT = 5  # an option's text is looked for in longer responses only


def mmmu(samples: Sequence[Sample], answers: Answers, *, responses: Literal["free", "parsed"] = "free") -> Scores:
    """Accuracy (a fraction): overall, by subject and by domain.

    `responses="parsed"` takes answers that are letters already, as main_eval_only.py does.
    """
    require_truth(samples, lambda sample: ascii_uppercase[: len(sample.options)])
    generator = Random(SEED)
    drawn: list[str] = []

    def read(sample: Sample, text: str) -> tuple[float, str]:
        if not sample.options:
            return float(open_is_right(sample.references, parse_open(text))), text
        letter = text if responses == "parsed" else parse_letter(text, sample.options)
        if letter is None:
            letter = generator.choice(ascii_uppercase[: len(sample.options)])
            drawn.append(sample.id)
        return float(letter in sample.references), letter

    in_order = sorted(samples, key=lambda sample: sample.category)  # stable: rows keep their order within a subject
    by_id = {score.id: score for score in score_each(in_order, answers, read)}
    scored = tuple(by_id[sample.id] for sample in samples)
    notes = _without_letter(samples, scored) if responses == "parsed" else ()
    if drawn:
        notes = (f"{pluralize(len(drawn), 'answer')} gave no letter and drew one at random, as the official tool does",)
    return Scores(tuple(_metrics(samples, scored)), scored, notes)


def _without_letter(samples: Sequence[Sample], scored: Sequence[SampleScore]) -> tuple[str, ...]:
    """A note where parsed answers are none of their question's letters; open questions have none."""
    pairs = zip(samples, scored, strict=True)
    chosen = [score.parsed_answer for sample, score in pairs if sample.options and score.status == "answered"]
    return unread_note(chosen, tuple(ascii_uppercase))


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


def _metrics(samples: Sequence[Sample], scored: Sequence[SampleScore]) -> list[Metric]:
    """The tool averages subjects by their sizes; in floating point that is not the mean over questions."""
    hits = by_group(((sample.category,) for sample in samples), (score.score for score in scored))

    def accuracy(subjects: Sequence[str], group: str = "", domain: str = "") -> Metric:
        members = [hits[subject] for subject in subjects]
        values = [value for rows in members for value in rows.values]
        places = [place for rows in members for place in rows.places]
        weighted = naive_sum(mean(rows.values) * len(rows.values) for rows in members)
        ratios = (Ratio(values, sample_indices=places),)
        return Metric("accuracy", weighted / len(values), len(values), "fraction", group, domain, ratios=ratios)

    present = {domain: [one for one in subjects if one in hits] for domain, subjects in DOMAINS.items()}
    return [
        accuracy(sorted(hits)),
        *(accuracy(subjects, "domain", domain) for domain, subjects in present.items() if subjects),
        *accuracies({("subject", subject): hits[subject] for subject in sorted(hits)}, mean, "fraction"),
    ]
