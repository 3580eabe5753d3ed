"""GQA by Stanford's eval.py: accuracy, consistency, validity, plausibility, distribution, and four breakdowns.

An answer is right if it equals the reference exactly. Only balanced questions are scored; the others are used for
consistency.

Reads of a Sample: `question`, `references` (one text), meta `types` {structural, semantic, detailed}, `semantic` (the
program: operation and argument of each step), `groups` {global}, `entailed` (ids), `is_balanced`, and with a choices
file `valid` and `plausible`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from emma_eval.errors import UserError
from emma_eval.scorers.arithmetic import mean, mean_percent
from emma_eval.scorers.common import accuracy_by, image_of, mean_metric, require_references, score_samples
from emma_eval.scorers.gqa_distribution import distribution
from emma_eval.types import Answers, Metric, Sample, SampleScore, Scores
from emma_eval.utils.text import pluralize

# Program steps with one of these only ask; they are no reasoning steps.
QUERY_STEPS = ("exist", "query: name", "choose name")
# The valid answers to questions about what two objects have in common, whatever the choices file says.
COMMON_CHOICES = ("color", "material", "shape")


def gqa(samples: Sequence[Sample], answers: Answers, *, conversion: Literal["none", "llava"] = "none") -> Scores:
    """All metrics of the official tool but grounding, in percent; distribution is a chi-square (lower is better).

    `conversion="llava"` strips trailing full stops and lower-cases, as LLaVA's convert_gqa_for_eval.py does.
    Metrics that the data do not allow (no choices, links to questions outside the file) are left out, with a note.
    Raises UserError if no question is balanced.
    """
    require_references(samples)

    def grade(sample: Sample, text: str) -> tuple[float, str]:
        parsed = as_llava(text) if conversion == "llava" else text
        return float(parsed == sample.references[0]), parsed

    all_scores = score_samples(samples, answers, grade, image_of)
    indices = [index for index, sample in enumerate(samples) if sample.meta["is_balanced"]]
    if not indices:
        raise UserError("none of the GQA questions is balanced: there is nothing to score")
    balanced, sample_scores = [samples[index] for index in indices], [all_scores[index] for index in indices]
    metrics = [
        *_accuracies(balanced, sample_scores, indices),
        *_choice_metrics(balanced, sample_scores, indices),
        *_consistency(balanced, {score.id: score for score in all_scores}, indices),
        distribution(balanced, sample_scores, indices),
        *_breakdowns(balanced, sample_scores, indices),
    ]
    notes = (*_notes(metrics), *_near_misses(balanced, sample_scores))
    return Scores(tuple(metrics), tuple(all_scores), notes, cluster_unit="image")


def _accuracies(
    balanced: Sequence[Sample], sample_scores: Sequence[SampleScore], indices: Sequence[int]
) -> list[Metric]:
    """Accuracy of all balanced questions, of those about yes and no or a choice, and of open ones."""
    metrics = [mean_metric("accuracy", [score.score for score in sample_scores], mean_percent, indices=indices)]
    for name, is_open in (("binary", False), ("open", True)):
        scores = {
            index: score.score
            for index, sample, score in zip(indices, balanced, sample_scores, strict=True)
            if (sample.meta["types"]["structural"] == "query") is is_open
        }
        metrics.append(mean_metric(name, list(scores.values()), mean_percent, indices=list(scores)))
    return metrics


def _breakdowns(
    balanced: Sequence[Sample], sample_scores: Sequence[SampleScore], indices: Sequence[int]
) -> list[Metric]:
    scores = [score.score for score in sample_scores]
    groups = {
        "structural_type": [sample.meta["types"]["structural"] for sample in balanced],
        "semantic_type": [sample.meta["types"]["semantic"] for sample in balanced],
        "steps": [str(reasoning_steps(sample.meta["semantic"])) for sample in balanced],
        "words": [str(len(sample.question.split())) for sample in balanced],
    }
    return [
        metric
        for group, categories in groups.items()
        for metric in accuracy_by(group, categories, scores, indices=indices)
    ]


def as_llava(text: str) -> str:
    """An answer as LLaVA's convert_gqa_for_eval.py writes it: no trailing full stops, lower case."""
    return text.rstrip(".").lower()


def _near_misses(balanced: Sequence[Sample], sample_scores: Sequence[SampleScore]) -> list[str]:
    """A note on answers that only a capital or full stop makes wrong: most models say `Yes`, references are `yes`."""
    pairs = zip(balanced, sample_scores, strict=True)
    near = sum(not score.score and as_llava(score.parsed_answer) == sample.references[0] for sample, score in pairs)
    if not near:
        return []
    return [
        f"{pluralize(near, 'answer')} wrong by a capital or a full stop alone; "
        "published LLaVA and EMMA scores forgive both (protocol llava)"
    ]


def reasoning_steps(program: Sequence[Mapping[str, Any]]) -> int:
    """The number of program steps but those that only ask (QUERY_STEPS)."""
    steps = (f"{step['operation']}: {step['argument']}" for step in program)
    return sum(not any(query in step for query in QUERY_STEPS) for step in steps)


def _choice_metrics(
    balanced: Sequence[Sample], sample_scores: Sequence[SampleScore], indices: Sequence[int]
) -> list[Metric]:
    """Validity (the answer is possible for the question) and plausibility (it makes sense)."""
    metrics = []
    for name, key in (("validity", "valid"), ("plausibility", "plausible")):
        if all(key in sample.meta for sample in balanced):
            within = [
                float(score.status == "answered" and score.parsed_answer in _choices(sample, key))
                for sample, score in zip(balanced, sample_scores, strict=True)
            ]
            metrics.append(mean_metric(name, within, mean_percent, indices=indices))
    return metrics


def _choices(sample: Sample, key: str) -> Sequence[str]:
    return COMMON_CHOICES if "Common" in sample.meta["types"]["detailed"] else sample.meta[key]


def _consistency(balanced: Sequence[Sample], scores: Mapping[str, SampleScore], indices: Sequence[int]) -> list[Metric]:
    """The mean, over correctly answered questions, of the accuracy on those it entails (not itself; repeats count)."""
    links = {sample.id: [other for other in sample.meta["entailed"] if other != sample.id] for sample in balanced}
    if any(other not in scores for others in links.values() for other in others):
        return []
    rates = {
        index: mean([scores[other].score for other in others])
        for index, (sample_id, others) in zip(indices, links.items(), strict=True)
        if others and scores[sample_id].score
    }
    return [mean_metric("consistency", list(rates.values()), mean_percent, indices=list(rates))]


def _notes(metrics: Sequence[Metric]) -> list[str]:
    present = {metric.name for metric in metrics}
    notes = []
    if "validity" not in present:
        notes.append("validity and plausibility need the choices file, which is not there")
    if "consistency" not in present:
        notes.append("consistency can't be computed: questions entail others that are not in the file")
    return notes
