"""GQA by Stanford's eval.py: accuracy, consistency, validity, plausibility, distribution, and four breakdowns.

An answer is right if it equals the truth exactly. Only balanced questions are scored; the others serve consistency.

Reads of a Sample: `question`, `answers` (one text), meta `types` {structural, semantic, detailed}, `semantic` (the
program: operation and argument a step), `groups` {global}, `entailed` (ids), `is_balanced`, and `valid` and `plausible`
where there is a choices file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from emma_eval.errors import UserError
from emma_eval.scorers.arithmetic import mean, mean_percent
from emma_eval.scorers.common import percent_by, require_truth, score_each
from emma_eval.types import Answers, Metric, Sample, SampleScore, Scores

# A program step with one of these only asks, and does not count as a reasoning step.
QUERY_STEPS = ("exist", "query: name", "choose name")
# For questions after what two objects share, these are the valid answers, whatever the choices file says.
COMMON_CHOICES = ("color", "material", "shape")


def gqa(samples: Sequence[Sample], answers: Answers, *, conversion: Literal["none", "llava"] = "none") -> Scores:
    """All metrics of the official tool but grounding, in percent; distribution is a chi-square (lower is better).

    `conversion="llava"` strips trailing full stops and lower-cases, as LLaVA's convert_gqa_for_eval.py does.
    What the data do not allow (no choices, links to questions outside the file) is left out, with a note.
    """
    require_truth(samples)

    def read(sample: Sample, text: str) -> tuple[float, str]:
        read_as = as_llava(text) if conversion == "llava" else text
        return float(read_as == sample.answers[0]), read_as

    everything = dict(zip((s.id for s in samples), score_each(samples, answers, read), strict=True))
    balanced = [sample for sample in samples if sample.meta["is_balanced"]]
    if not balanced:
        raise UserError("none of the GQA questions is balanced: there is nothing to score")
    scored = [everything[sample.id] for sample in balanced]
    hits = [score.value for score in scored]
    structural = [sample.meta["types"]["structural"] for sample in balanced]
    kind = ["open" if name == "query" else "binary" for name in structural]
    metrics = [Metric("accuracy", mean_percent(hits), len(hits), "percent")]
    for name in ("binary", "open"):
        members = [hit for hit, k in zip(hits, kind, strict=True) if k == name]
        metrics.append(Metric(name, mean_percent(members), len(members), "percent"))
    metrics += _choice_metrics(balanced, scored)
    metrics += _consistency(balanced, everything)
    metrics.append(Metric("distribution", distribution(balanced, scored), len(hits), "points"))
    metrics += percent_by("structural_type", structural, hits)
    metrics += percent_by("semantic_type", (sample.meta["types"]["semantic"] for sample in balanced), hits)
    metrics += percent_by("steps", (str(reasoning_steps(sample.meta["semantic"])) for sample in balanced), hits)
    metrics += percent_by("words", (str(len(sample.question.split())) for sample in balanced), hits)
    return Scores(tuple(metrics), tuple(everything.values()), (*_notes(metrics), *_near_misses(balanced, scored)))


def as_llava(text: str) -> str:
    """An answer as LLaVA's convert_gqa_for_eval.py writes it: no trailing full stops, lower case."""
    return text.rstrip(".").lower()


def _near_misses(balanced: Sequence[Sample], scored: Sequence[SampleScore]) -> list[str]:
    """A word on answers that only their form makes wrong: most models answer `Yes`, and GQA's truth is `yes`."""
    pairs = zip(balanced, scored, strict=True)
    near = sum(not score.value and as_llava(score.read_as) == sample.answers[0] for sample, score in pairs)
    if not near:
        return []
    return [
        f"{near} answers are wrong by a capital or a full stop alone; "
        "published LLaVA and EMMA scores forgive both (protocol llava)"
    ]


def reasoning_steps(program: Sequence[Mapping[str, Any]]) -> int:
    """Program steps that are not mere asking."""
    steps = (f"{step['operation']}: {step['argument']}" for step in program)
    return sum(not any(query in step for query in QUERY_STEPS) for step in steps)


def _choice_metrics(balanced: Sequence[Sample], scored: Sequence[SampleScore]) -> list[Metric]:
    """Validity and plausibility: whether the answer could be given at all, and whether it makes sense."""
    metrics = []
    for name, key in (("validity", "valid"), ("plausibility", "plausible")):
        if all(key in sample.meta for sample in balanced):
            within = [
                float(score.status == "answered" and score.read_as in _choices(sample, key))
                for sample, score in zip(balanced, scored, strict=True)
            ]
            metrics.append(Metric(name, mean_percent(within), len(within), "percent"))
    return metrics


def _choices(sample: Sample, key: str) -> Sequence[str]:
    return COMMON_CHOICES if "Common" in sample.meta["types"]["detailed"] else sample.meta[key]


def _consistency(balanced: Sequence[Sample], scores: Mapping[str, SampleScore]) -> list[Metric]:
    """Of the questions answered rightly, the mean accuracy on those that each entails: not itself, repeats counted."""
    links = {sample.id: [other for other in sample.meta["entailed"] if other != sample.id] for sample in balanced}
    if any(other not in scores for others in links.values() for other in others):
        return []
    rates = [
        mean([scores[other].value for other in others]) for id_, others in links.items() if others and scores[id_].value
    ]
    return [Metric("consistency", mean_percent(rates), len(rates), "percent")]


def distribution(balanced: Sequence[Sample], scored: Sequence[SampleScore]) -> float:
    """Chi-square of predicted against true answers within each global group, weighted by group size, over 100."""
    gold: dict[str, Counter[str]] = {}
    predicted: dict[str, Counter[str]] = {}
    for sample, score in zip(balanced, scored, strict=True):
        group = sample.meta["groups"]["global"]
        if group is not None:
            gold.setdefault(group, Counter())[sample.answers[0]] += 1
            predicted.setdefault(group, Counter())
            if score.status == "answered":
                predicted[group][score.read_as] += 1
    weighted, total = 0.0, 0
    for group, truths in gold.items():
        chi_square, size = 0.0, 0
        for answer, expected in truths.items():
            chi_square += float(predicted[group][answer] - expected) ** 2 / expected
            size += expected
        weighted += chi_square * size
        total += size
    return weighted / total / 100 if total else 0.0


def _notes(metrics: Sequence[Metric]) -> list[str]:
    present = {metric.name for metric in metrics}
    notes = []
    if "validity" not in present:
        notes.append("validity and plausibility need the choices file, which is not there")
    if "consistency" not in present:
        notes.append("consistency cannot be had: questions entail others that are not in the file")
    return notes
