"""AMBER's generative part: CHAIR, Cover, Hal and Cog of a free description, by the arithmetic of inference.py.

The official tool finds nouns with NLTK and takes words for one another whose vectors in spaCy's en_core_web_lg are
alike. Neither model is in a package registry, so here `nouns` finds them with TextBlob and LemmInflect, and words match
where they are equal or the benchmark's own list says that they stand for one another. The numbers come near the
official ones but are not the same.

Reads of a Sample: `answers` (objects in the image), meta `hallu` (objects that models make up there), `association`
(word -> words that stand for it), `safe_words` (words that count neither way).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from emma_eval.errors import UserError
from emma_eval.registry import needs
from emma_eval.scorers.common import require_truth
from emma_eval.scorers.nouns import nouns, require_nouns
from emma_eval.types import Answers, Metric, Ratio, Sample, SampleScore, Scores

COUNTER_START = 0.001  # of every counter that divides, in the official tool
NOT_THE_OFFICIAL_WORDS = (
    "nouns by TextBlob and LemmInflect, words matched by equality and AMBER's list; the official tool takes NLTK's "
    "nouns, and also words with similar vectors in en_core_web_lg: models that are in no package registry"
)
Similar = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class Description:
    """What is counted in one description."""

    nouns: tuple[str, ...]  # those that AMBER knows
    made_up: int  # nouns that stand for nothing in the image
    covered: int  # objects of the image that are named
    dreamt: int  # objects that are not there, but that models make up there, that are named


@needs(require_nouns)
def amber_generative(samples: Sequence[Sample], answers: Answers) -> Scores:
    """CHAIR, Cover, Hal and Cog in percent; all but Cover are better when lower.

    A sample's credit is 1 where nothing is made up. A missing description names nothing and earns no credit.
    """
    require_truth(samples)
    require_nouns()
    if "association" not in samples[0].meta:
        raise UserError("AMBER's descriptions are scored with its word lists: give files association and safe_words")
    described, scored = [], []
    for sample in samples:
        answer = answers.get((sample.id, 0))
        one = describe(nouns(answer.text) if answer else (), sample)
        described.append(one)
        credit = float(answer is not None and not one.made_up)
        told = ", ".join(one.nouns)
        scored.append(SampleScore(sample.id, credit, told, "answered" if answer else "missing"))
    metrics = measures(samples, described, [score.score for score in scored])
    return Scores(tuple(metrics), tuple(scored), (NOT_THE_OFFICIAL_WORDS,))


def describe(words: Sequence[str], sample: Sample, similar: Similar = lambda noun, word: False) -> Description:
    """Sort a description's nouns: `similar` tells whether two words that no list connects are taken for one another."""
    association = sample.meta["association"]
    known = association.keys() | {word for own in association.values() for word in own}
    told = tuple(word for word in words if word in known)
    truth, hallu = sample.references, sample.meta["hallu"]
    standing_for = (_standing_for(truth, association), _standing_for(hallu, association))
    covered: set[int] = set()
    dreamt: set[int] = set()
    made_up = 0
    for noun in told:
        if noun not in sample.meta["safe_words"]:
            made_up += _sort(noun, standing_for, (covered, dreamt), similar)
    return Description(told, made_up, len(covered), len(dreamt))


def _standing_for(objects: Sequence[str], association: Mapping[str, Collection[str]]) -> list[tuple[str, int]]:
    """(word, which object it stands for), in the order in which the tool looks: first others' words, then the names."""
    others = [(word, number) for number, name in enumerate(objects) for word in association[name]]
    return others + [(name, number) for number, name in enumerate(objects)]


def _sort(
    noun: str,
    standing_for: tuple[list[tuple[str, int]], list[tuple[str, int]]],
    found: tuple[set[int], set[int]],
    similar: Similar,
) -> bool:
    """Note what a noun stands for; True if it is nothing in the image."""
    seen, unseen = standing_for
    covered, dreamt = found
    equal = _first(seen, lambda word: word == noun)
    if equal is not None:
        covered.add(equal)
        return False
    for match in (_first(unseen, lambda word: word == noun), _first(unseen, lambda word: similar(noun, word))):
        if match is not None:
            dreamt.add(match)
    alike = _first(seen, lambda word: similar(noun, word))
    if alike is not None:
        covered.add(alike)
    return alike is None


def _first(words: Sequence[tuple[str, int]], fits: Callable[[str], bool]) -> int | None:
    return next((number for word, number in words if fits(word)), None)


def measures(samples: Sequence[Sample], described: Sequence[Description], clean: Sequence[float]) -> list[Metric]:
    """The four measures; `clean` is 1 for a description without anything made up, else 0."""
    surplus = COUNTER_START / len(samples)  # spread over the samples, so that it stays when they are drawn again
    ratios = {
        "chair": Ratio([one.made_up for one in described], [len(one.nouns) + surplus for one in described]),
        "cover": Ratio([one.covered for one in described], [len(sample.references) + surplus for sample in samples]),
        "hal": Ratio([1 - value + surplus for value in clean], [1 + surplus for _ in clean]),
        "cog": Ratio([one.dreamt for one in described], [len(sample.meta["hallu"]) + surplus for sample in samples]),
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
