"""GQA by Stanford's eval.py: accuracy, consistency, validity, plausibility, distribution, and four breakdowns.

An answer is right if it equals the truth exactly. Only balanced questions are scored; the others serve consistency.

Reads of a Sample: `question`, `answers` (one text), meta `types` {structural, semantic, detailed}, `semantic` (the
program: operation and argument a step), `groups` {global}, `entailed` (ids), `is_balanced`, and `valid` and `plausible`
where there is a choices file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from emma_eval.errors import UserError
from emma_eval.scorers.arithmetic import mean, mean_percent
from emma_eval.scorers.common import averaged, image_of, percent_by, require_truth, score_each
from emma_eval.scorers.gqa_distribution import distribution
from emma_eval.types import Answers, Metric, Sample, SampleScore, Scores
from emma_eval.utils.text import pluralize

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
        return float(read_as == sample.references[0]), read_as

    everything = score_each(samples, answers, read, image_of)
    places = [place for place, sample in enumerate(samples) if sample.meta["is_balanced"]]
    if not places:
        raise UserError("none of the GQA questions is balanced: there is nothing to score")
    balanced, scored = [samples[place] for place in places], [everything[place] for place in places]
    metrics = [
        *_accuracies(balanced, scored, places),
        *_choice_metrics(balanced, scored, places),
        *_consistency(balanced, {score.id: score for score in everything}, places),
        distribution(balanced, scored, places),
        *_breakdowns(balanced, scored, places),
    ]
    notes = (*_notes(metrics), *_near_misses(balanced, scored))
    return Scores(tuple(metrics), tuple(everything), notes, cluster_unit="image")


def _accuracies(balanced: Sequence[Sample], scored: Sequence[SampleScore], places: Sequence[int]) -> list[Metric]:
    metrics = [averaged("accuracy", [score.score for score in scored], mean_percent, places=places)]
    for name, is_open in (("binary", False), ("open", True)):
        rows = [
            (place, score.score)
            for place, sample, score in zip(places, balanced, scored, strict=True)
            if (sample.meta["types"]["structural"] == "query") is is_open
        ]
        own = [place for place, _ in rows]
        metrics.append(averaged(name, [value for _, value in rows], mean_percent, places=own))
    return metrics


def _breakdowns(balanced: Sequence[Sample], scored: Sequence[SampleScore], places: Sequence[int]) -> list[Metric]:
    hits = [score.score for score in scored]
    groups = {
        "structural_type": [sample.meta["types"]["structural"] for sample in balanced],
        "semantic_type": [sample.meta["types"]["semantic"] for sample in balanced],
        "steps": [str(reasoning_steps(sample.meta["semantic"])) for sample in balanced],
        "words": [str(len(sample.question.split())) for sample in balanced],
    }
    return [
        metric for group, categories in groups.items() for metric in percent_by(group, categories, hits, places=places)
    ]


def as_llava(text: str) -> str:
    """An answer as LLaVA's convert_gqa_for_eval.py writes it: no trailing full stops, lower case."""
    return text.rstrip(".").lower()


def _near_misses(balanced: Sequence[Sample], scored: Sequence[SampleScore]) -> list[str]:
    """A word on answers that only their form makes wrong: most models answer `Yes`, and GQA's truth is `yes`."""
    pairs = zip(balanced, scored, strict=True)
    near = sum(not score.score and as_llava(score.parsed_answer) == sample.references[0] for sample, score in pairs)
    if not near:
        return []
    return [
        f"{pluralize(near, 'answer')} wrong by a capital or a full stop alone; "
        "published LLaVA and EMMA scores forgive both (protocol llava)"
    ]


def reasoning_steps(program: Sequence[Mapping[str, Any]]) -> int:
    """Program steps that are not mere asking."""
    steps = (f"{step['operation']}: {step['argument']}" for step in program)
    return sum(not any(query in step for query in QUERY_STEPS) for step in steps)


def _choice_metrics(balanced: Sequence[Sample], scored: Sequence[SampleScore], places: Sequence[int]) -> list[Metric]:
    """Validity and plausibility: whether the answer could be given at all, and whether it makes sense."""
    metrics = []
    for name, key in (("validity", "valid"), ("plausibility", "plausible")):
        if all(key in sample.meta for sample in balanced):
            within = [
                float(score.status == "answered" and score.parsed_answer in _choices(sample, key))
                for sample, score in zip(balanced, scored, strict=True)
            ]
            metrics.append(averaged(name, within, mean_percent, places=places))
    return metrics


def _choices(sample: Sample, key: str) -> Sequence[str]:
    return COMMON_CHOICES if "Common" in sample.meta["types"]["detailed"] else sample.meta[key]


def _consistency(balanced: Sequence[Sample], scores: Mapping[str, SampleScore], places: Sequence[int]) -> list[Metric]:
    """Of the questions answered rightly, the mean accuracy on those that each entails: not itself, repeats counted."""
    links = {sample.id: [other for other in sample.meta["entailed"] if other != sample.id] for sample in balanced}
    if any(other not in scores for others in links.values() for other in others):
        return []
    rates = {
        place: mean([scores[other].score for other in others])
        for place, (id_, others) in zip(places, links.items(), strict=True)
        if others and scores[id_].score
    }
    return [averaged("consistency", list(rates.values()), mean_percent, places=list(rates))]


def _notes(metrics: Sequence[Metric]) -> list[str]:
    present = {metric.name for metric in metrics}
    notes = []
    if "validity" not in present:
        notes.append("validity and plausibility need the choices file, which is not there")
    if "consistency" not in present:
        notes.append("consistency cannot be had: questions entail others that are not in the file")
    return notes
