"""HallusionBench's three accuracies, with answers parsed by rule.

The official tool has GPT-4 judge each answer. Here an answer is parsed as VLMEvalKit does: yes or no, if exactly one of
the two words is in it.

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

    sample_scores = score_samples(samples, answers, grade, _set_of)
    scores = [score.score for score in sample_scores]
    metrics = [
        mean_metric("accuracy", scores, mean_percent),
        _all_right("figure_accuracy", samples, scores, _figure_of),
        _all_right("pair_accuracy", samples, scores, _question_of),
        *accuracy_by("category", (sample.category for sample in samples), scores),
        *accuracy_by("subcategory", (sample.meta["subcategory"] for sample in samples), scores),
    ]
    notes = unparsed_note(parsed_answers(sample_scores), YES_OR_NO, "neither yes nor no")
    return Scores(tuple(metrics), tuple(sample_scores), notes, cluster_unit="set of figures")


def _all_right(
    name: str, samples: Sequence[Sample], scores: Sequence[float], group_of: Callable[[Sample], list[str]]
) -> Metric:
    groups = group_samples(map(group_of, samples), scores).values()
    all_right = [float(all(group.scores)) for group in groups]
    return mean_metric(name, all_right, mean_percent, indices=[group.indices[0] for group in groups])


def _set_of(sample: Sample) -> str:
    return f"{sample.category}_{sample.meta['subcategory']}_{sample.meta['set_id']}"


def _figure_of(sample: Sample) -> list[str]:
    no_figure = sample.category == "VS" and str(sample.meta["figure_id"]) == "0"
    return [] if no_figure else [f"{_set_of(sample)}_{sample.meta['figure_id']}"]


def _question_of(sample: Sample) -> list[str]:
    return [f"{_set_of(sample)}_{sample.meta['question_id']}"]
