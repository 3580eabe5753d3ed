"""HallusionBench's three accuracies, with answers parsed by rule.

The official tool has GPT-4 judge each answer (see `judges.hallusionbench`). Here an answer is parsed as VLMEvalKit
does: yes or no, if exactly one of the two words is in it.

Reads of a Sample: `references` ("yes" or "no"), `category` (VD or VS), meta `subcategory`, `set_id`, `figure_id`,
`question_id`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from emma_eval.scorers.arithmetic import mean_percent
from emma_eval.scorers.common import (
    YES_OR_NO,
    accuracy_by,
    group_samples,
    mean_metric,
    parsed_answers,
    require_references,
    score_samples,
    unparsed_note,
)
from emma_eval.scorers.normalization import M4C, process_punctuation
from emma_eval.types import Answers, Metric, Sample, Scores

CLUSTER_UNIT = "set of figures"


def parse_answer(text: str) -> str:
    """`yes` or `no` if exactly one of them is a word of the text, else an empty text."""
    words = process_punctuation(text.lower(), M4C).split()
    found = [word for word in ("yes", "no") if word in words]
    return found[0] if len(found) == 1 else ""


def hallusionbench(samples: Sequence[Sample], answers: Answers) -> Scores:
    """Accuracy in percent of questions (aAcc), of figures (fAcc) and of question pairs (qAcc), and by category.

    A figure is right if all its questions are; a pair is right if its question is with every figure. Questions of the
    category VS without a figure belong to no figure.
    """
    require_references(samples, lambda _: YES_OR_NO)

    def grade(sample: Sample, text: str) -> tuple[float, str]:
        parsed = parse_answer(text)
        return float(parsed == sample.references[0]), parsed

    sample_scores = score_samples(samples, answers, grade, set_of)
    scores = [score.score for score in sample_scores]
    notes = unparsed_note(parsed_answers(sample_scores), YES_OR_NO, "neither yes nor no")
    metrics = (*overall_metrics(samples, scores), *category_metrics(samples, scores))
    return Scores(metrics, tuple(sample_scores), notes, cluster_unit=CLUSTER_UNIT)


def overall_metrics(samples: Sequence[Sample], scores: Sequence[float]) -> list[Metric]:
    """The accuracy of questions, of figures and of pairs; scores are 0 or 1, one a sample."""
    return [
        mean_metric("accuracy", scores, mean_percent),
        all_right("figure_accuracy", samples, scores, figure_of),
        all_right("pair_accuracy", samples, scores, question_of),
    ]


def category_metrics(samples: Sequence[Sample], scores: Sequence[float]) -> list[Metric]:
    """The accuracy of questions by category and subcategory."""
    return [
        *accuracy_by("category", (sample.category for sample in samples), scores),
        *accuracy_by("subcategory", (sample.meta["subcategory"] for sample in samples), scores),
    ]


def all_right(
    name: str, samples: Sequence[Sample], scores: Sequence[float], group_of: Callable[[Sample], list[str]]
) -> Metric:
    """The share of groups of which all samples are right, in percent; `group_of` gives a sample's groups, or none."""
    groups = group_samples(map(group_of, samples), scores).values()
    all_right = [float(all(group.scores)) for group in groups]
    return mean_metric(name, all_right, mean_percent, indices=[group.indices[0] for group in groups])


def set_of(sample: Sample) -> str:
    """The set of figures that a sample belongs to."""
    return f"{sample.category}_{sample.meta['subcategory']}_{sample.meta['set_id']}"


def is_without_figure(sample: Sample) -> bool:
    """Whether the question is asked without a figure, of which it can then say nothing."""
    return sample.category == "VS" and str(sample.meta["figure_id"]) == "0"


def figure_of(sample: Sample) -> list[str]:
    """The sample's figure; none for a question without one."""
    return [] if is_without_figure(sample) else [f"{set_of(sample)}_{sample.meta['figure_id']}"]


def question_of(sample: Sample) -> list[str]:
    """The sample's question, which it shares with those that ask it about other figures of the set."""
    return [f"{set_of(sample)}_{sample.meta['question_id']}"]
