"""AMBER's generative part: CHAIR, Cover, Hal and Cog of a free description, by the arithmetic of inference.py.

The official tool finds nouns with NLTK and matches words whose vectors in spaCy's en_core_web_lg are similar. Neither
model is in a package registry, so here `nouns` uses TextBlob and LemmInflect, and words match if they are equal or the
benchmark's own list associates them. The numbers are near the official ones but not equal to them.

Reads of a Sample: `references` (objects in the image), meta `hallu` (objects that models often invent there),
`association` (word -> words that stand for it), `safe_words` (words that count neither way).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from emma_eval.errors import UserError
from emma_eval.registry import needs
from emma_eval.scorers.common import require_references
from emma_eval.scorers.nouns import nouns, require_nouns
from emma_eval.types import Answers, Metric, Ratio, Sample, SampleScore, Scores

COUNTER_START = 0.001  # start of every counter in a denominator, in the official tool
NOT_THE_OFFICIAL_WORDS = (
    "nouns by TextBlob and LemmInflect, words matched by equality and AMBER's list; the official tool takes NLTK's "
    "nouns, and also words with similar vectors in en_core_web_lg: models that are in no package registry"
)
Similar = Callable[[str, str], bool]
_Words = Sequence[tuple[str, int]]  # (word, index of the object that it stands for)


@dataclass(frozen=True, slots=True)
class Description:
    """Counts of one description."""

    nouns: tuple[str, ...]  # those in AMBER's word list
    hallucinated: int  # nouns that match nothing in the image
    covered: int  # objects in the image that are named
    expected_hallucinations: int  # objects of `hallu` that are named


@needs(require_nouns)
def amber_generative(samples: Sequence[Sample], answers: Answers) -> Scores:
    """CHAIR, Cover, Hal and Cog in percent; all but Cover are better when lower.

    A sample scores 1 if nothing is hallucinated. A missing description names nothing and scores 0. Raises UserError
    where the benchmark's word lists or the packages that find nouns are missing.
    """
    require_references(samples)
    require_nouns()
    if "association" not in samples[0].meta:
        raise UserError("AMBER's descriptions are scored with its word lists: give files association and safe_words")
    descriptions, sample_scores = [], []
    for sample in samples:
        answer = answers.get((sample.id, 0))
        description = describe(nouns(answer.text) if answer else (), sample)
        descriptions.append(description)
        score = float(answer is not None and not description.hallucinated)
        named = ", ".join(description.nouns)
        sample_scores.append(SampleScore(sample.id, score, named, "answered" if answer else "missing"))
    metrics = measures(samples, descriptions, [score.score for score in sample_scores])
    return Scores(tuple(metrics), tuple(sample_scores), (NOT_THE_OFFICIAL_WORDS,))


def describe(words: Sequence[str], sample: Sample, similar: Similar = lambda noun, word: False) -> Description:
    """Count a description's nouns; `similar` decides whether two words match that no list associates."""
    association = sample.meta["association"]
    known = association.keys() | {word for own in association.values() for word in own}
    named = tuple(word for word in words if word in known)
    present = _words_of(sample.references, association)
    invented = _words_of(sample.meta["hallu"], association)
    covered: set[int] = set()
    expected: set[int] = set()
    hallucinated = 0
    for noun in named:
        if noun not in sample.meta["safe_words"]:
            in_image, in_hallu = _match(noun, present, invented, similar)
            covered |= in_image
            expected |= in_hallu
            hallucinated += not in_image
    return Description(named, hallucinated, len(covered), len(expected))


def _words_of(objects: Sequence[str], association: Mapping[str, Collection[str]]) -> _Words:
    """The words of objects in the tool's order: first associated words, then names."""
    associated = [(word, index) for index, name in enumerate(objects) for word in association[name]]
    return associated + [(name, index) for index, name in enumerate(objects)]


def _match(noun: str, present: _Words, invented: _Words, similar: Similar) -> tuple[set[int], set[int]]:
    """The objects that a noun matches: (of those in the image, of those that are often invented).

    A noun that is a word of an object in the image is compared with no others.
    """
    if equal := _first(present, lambda word: word == noun):
        return equal, set()
    in_hallu = _first(invented, lambda word: word == noun) | _first(invented, lambda word: similar(noun, word))
    return _first(present, lambda word: similar(noun, word)), in_hallu


def _first(words: _Words, fits: Callable[[str], bool]) -> set[int]:
    """The object of the first word that fits; empty without one."""
    for word, index in words:
        if fits(word):
            return {index}
    return set()


def measures(samples: Sequence[Sample], descriptions: Sequence[Description], clean: Sequence[float]) -> list[Metric]:
    """The four metrics; `clean` is 1 for a description without hallucination, else 0."""
    surplus = COUNTER_START / len(samples)  # spread over samples, so that resamples contain it
    ratios = {
        "chair": Ratio([one.hallucinated for one in descriptions], [len(one.nouns) + surplus for one in descriptions]),
        "cover": Ratio([one.covered for one in descriptions], [len(sample.references) + surplus for sample in samples]),
        "hal": Ratio([1 - score + surplus for score in clean], [1 + surplus for _ in clean]),
        "cog": Ratio(
            [one.expected_hallucinations for one in descriptions],
            [len(sample.meta["hallu"]) + surplus for sample in samples],
        ),
    }
    return [
        Metric(
            name,
            100 * sum(ratio.numerator) / sum(ratio.denominator or ()),
            len(samples),
            "percent",
            higher_is_better=name == "cover",
            ratios=(ratio,),
            scale=100,
        )
        for name, ratio in ratios.items()
    ]
