"""POPE: yes/no probing of object hallucination, by RUCAIBox's evaluate.py and LLaVA's eval_pope.py, which agree.

The official script joins answers and labels by position, so one missing row shifts all that follow. Here they are
joined by id, and a missing answer is wrong: a false no where the reference is yes, else a false yes.

Reads of a Sample: `references` ("yes" or "no"), `category` (random, popular, adversarial).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from emma_eval.scorers.arithmetic import mean
from emma_eval.scorers.common import YES_OR_NO, image_of, require_references, score_samples
from emma_eval.scorers.yes_no import Confusion, confusion_ratios, count_metrics
from emma_eval.types import Answers, Metric, Ratio, Sample, Scores
from emma_eval.utils.text import pluralize

NO_WORDS = frozenset(("No", "no", "not"))
METRICS: dict[str, bool | None] = {  # name -> whether higher is better
    "accuracy": True,
    "precision": True,
    "recall": True,
    "f1": True,
    "yes_ratio": None,
}


def parse_answer(text: str) -> str:
    """`no` if one of No, no, not is among the blank-separated words before the first full stop, else `yes`."""
    first_sentence = text.split(".", maxsplit=1)[0].replace(",", "")
    return "no" if NO_WORDS.intersection(first_sentence.split(" ")) else "yes"


def pope(samples: Sequence[Sample], answers: Answers) -> Scores:
    """Accuracy, precision, recall, F1, yes ratio (fractions) of each category; overall, their means over categories."""
    require_references(samples, lambda _: YES_OR_NO)

    def grade(sample: Sample, text: str) -> tuple[float, str]:
        parsed = parse_answer(text)
        return float(parsed == sample.references[0]), parsed

    sample_scores = score_samples(samples, answers, grade, image_of)
    pairs: dict[str, list[tuple[bool, bool]]] = {}  # category -> (said yes, is yes) of each sample
    indices: dict[str, list[int]] = {}  # category -> indices in sample_scores
    for index, (sample, score) in enumerate(zip(samples, sample_scores, strict=True)):
        is_yes = sample.references[0] == "yes"
        said_yes = is_yes == bool(score.score)  # so a missing answer is always wrong
        pairs.setdefault(sample.category, []).append((said_yes, is_yes))
        indices.setdefault(sample.category, []).append(index)
    confusions = {category: Confusion.count(rows) for category, rows in pairs.items()}
    ratios = {category: confusion_ratios(rows, indices[category]) for category, rows in pairs.items()}
    metrics = [
        Metric(
            name,
            mean([getattr(confusion, name) for confusion in confusions.values()]),
            len(samples),
            "fraction",
            higher_is_better=higher_is_better,
            ratios=tuple(by_name[name] for by_name in ratios.values()),
            scale=1 / len(ratios),
        )
        for name, higher_is_better in METRICS.items()
    ]
    for category, confusion in confusions.items():
        metrics += _category_metrics(category, confusion, ratios[category])
    return Scores(
        tuple(metrics),
        tuple(sample_scores),
        (*_division_note(confusions), *_neither_note(samples, answers)),
        cluster_unit="image",
    )


def _category_metrics(category: str, confusion: Confusion, ratios: Mapping[str, Ratio]) -> list[Metric]:
    metrics = [
        Metric(
            name,
            getattr(confusion, name),
            confusion.n,
            "fraction",
            group="category",
            category=category,
            higher_is_better=higher_is_better,
            ratios=(ratios[name],),
        )
        for name, higher_is_better in METRICS.items()
    ]
    return metrics + count_metrics(confusion, ratios, "category", category)


def _neither_note(samples: Sequence[Sample], answers: Answers) -> tuple[str, ...]:
    """A note on answers that say neither: the official tool counts all but `no` as `yes`, the empty answer too."""
    texts = [answers[sample.id, 0].text for sample in samples if (sample.id, 0) in answers]
    neither = sum("yes" not in text.lower() and parse_answer(text) == "yes" for text in texts)
    if not neither:
        return ()
    return (f"{neither:,} of {pluralize(len(texts), 'answer')} gave neither yes nor no; the official tool reads yes",)


def _division_note(confusions: Mapping[str, Confusion]) -> list[str]:
    """A note on categories whose precision, recall and F1 are 0 by our choice."""
    without = [category for category, confusion in confusions.items() if confusion.tp == 0]
    reported = "there is no true positive; where the official tool would divide by zero, 0 is reported"
    return [f"{', '.join(without)}: {reported}"] if without else []
