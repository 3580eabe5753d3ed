"""HallusionBench's verdicts, judgements and scores, as its utils.py and evaluation.py compute them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emma_eval.errors import UserError
from emma_eval.judges.task_judge import JudgedTask, Replies
from emma_eval.scorers.arithmetic import mean, percent_mean, ratio
from emma_eval.scorers.common import require_references
from emma_eval.scorers.hallusionbench import (
    CLUSTER_UNIT,
    all_right,
    category_metrics,
    figure_of,
    is_without_figure,
    overall_metrics,
    question_of,
    set_of,
)
from emma_eval.types import Metric, Ratio, Sample, SampleScore, Scores
from emma_eval.utils.json_io import read_json

CHANGED = "2"  # the visual input that is a changed figure
INCORRECT, CORRECT, UNCLEAR = "incorrect", "correct", "unclear"
CORRECTNESS_PASS, SAMENESS_PASS = 0, 1  # the second part of the keys of the two kinds of requests


@dataclass(frozen=True, slots=True)
class Question:
    """What the official file says of a sample."""

    text: str
    reference: str  # a sentence
    visual_input: str  # 0: no figure, 1: the original one, 2: a changed one


def parse_correctness(reply: str) -> str:
    """`incorrect` or `correct`, whichever is in the reply, in that order; else `unclear`."""
    lowered = reply.lower()
    return INCORRECT if "incorrect" in lowered else CORRECT if "correct" in lowered else UNCLEAR


def read_questions(path: Path) -> dict[str, Question]:
    """The official `HallusionBench.json`, sample id -> question. Raises UserError naming the entry that is none."""
    rows: Any = read_json(path)
    questions = {}
    for number, row in enumerate(rows if isinstance(rows, list) else [rows]):
        try:
            place = [str(row[key]) for key in ("category", "subcategory", "set_id", "figure_id", "question_id")]
            texts = [row[key] for key in ("question", "gt_answer_details")]
            visual_input = str(row["visual_input"])
        except (KeyError, TypeError) as error:
            raise UserError(f"{path}, entry {number} (from 0): the key {error} is missing") from None
        if not all(isinstance(text, str) for text in texts):
            raise UserError(f"{path}, entry {number} (from 0): question and gt_answer_details must be texts")
        questions["_".join(place)] = Question(texts[0], texts[1], visual_input)
    return questions


@dataclass(frozen=True, slots=True)
class Judgement:
    """A sample with what the judge says of its answer and of that to the original figure."""

    sample: Sample
    visual_input: str
    verdict: str
    original: Sample | None  # the same question about the set's first figure; None for that itself, and without it
    original_verdict: str
    is_same: bool | None  # None: not asked

    @property
    def is_right(self) -> bool:
        """Whether it counts as right: without a figure, not to know is."""
        return self.verdict == CORRECT or (self.verdict == UNCLEAR and is_without_figure(self.sample))

    @property
    def depends_on_sameness(self) -> bool:
        """Whether its diagnosis needs to know if it says the same as the original's answer."""
        if self.original is None or self.verdict != INCORRECT:
            return False
        if self.sample.category == "VD":
            return self.original_verdict == CORRECT
        return self.original_verdict == INCORRECT or (self.original_verdict == CORRECT and self.visual_input == CHANGED)

    @property
    def diagnosis(self) -> tuple[bool, bool]:
        """(language hallucination, visual illusion): what made the answer wrong; neither if it is right."""
        if self.is_right:
            return False, False
        is_visual = self.sample.category == "VD"
        if self.original is None:
            return (False, True) if is_visual else (True, False)
        if self.depends_on_sameness:
            if is_visual:
                return bool(self.is_same), True
            if self.original_verdict == INCORRECT:
                return True, not self.is_same
            return (True, False) if self.is_same else (False, True)
        return not is_visual and self.original_verdict == INCORRECT, True


def judgements_of(task: JudgedTask, questions: Mapping[str, Question], replies: Replies) -> list[Judgement]:
    """One for each sample, in their order. An answer that failed counts as incorrect."""
    verdicts = {
        sample.id: parse_correctness(replies[sample.id, 0][0]) if (sample.id, 0) in replies else INCORRECT
        for sample in task.samples
    }
    originals = {question_of(sample)[0]: sample for sample in task.samples if _is_original(sample)}

    def judgement(sample: Sample) -> Judgement:
        original = None if _is_original(sample) else originals.get(question_of(sample)[0])
        reply = replies.get((sample.id, SAMENESS_PASS))
        return Judgement(
            sample,
            questions[sample.id].visual_input,
            verdicts[sample.id],
            original,
            verdicts[original.id] if original else "",
            None if reply is None else "same" in reply[0].lower(),
        )

    return [judgement(sample) for sample in task.samples]


def _is_original(sample: Sample) -> bool:
    return str(sample.meta["figure_id"]) == "0"


def has_causes(samples: Sequence[Sample]) -> bool:
    """Whether the causes of wrong answers are known: where the questions without figures were asked, too."""
    return any(map(is_without_figure, samples))


def questions_of(task: JudgedTask) -> dict[str, Question]:
    """The official file's questions, by sample id. Raises UserError where it lacks one of the samples."""
    path = task.files["questions"]
    questions = read_questions(path)
    if missing := [sample.id for sample in task.samples if sample.id not in questions]:
        raise UserError(f"{path} has no entry for {missing[0]}: it is of another release")
    return questions


def scores(task: JudgedTask, replies: Replies) -> Scores:
    """Accuracy in percent of questions (aAcc), figures (fAcc) and question pairs (qAcc), of easy and of hard questions.

    A hard question is about a changed figure; it counts if it is right for all of them.
    Then the diagnosis: figures with some and with all questions wrong, the bias to yes, the share of wrong answers that
    should have been no, and, where the questions without figures were asked too, the shares of LH, VI and both.
    """
    require_references(task.samples)
    judgements = judgements_of(task, questions_of(task), replies)
    samples, right = task.samples, [float(one.is_right) for one in judgements]
    hard = {one.sample.id for one in judgements if one.visual_input == CHANGED}
    metrics = [
        *overall_metrics(samples, right),
        all_right("easy_accuracy", samples, right, lambda sample: [] if sample.id in hard else question_of(sample)),
        all_right("hard_accuracy", samples, right, lambda sample: question_of(sample) if sample.id in hard else []),
        *_consistency(samples, right),
        *_bias(samples, right),
        *(_causes(judgements) if has_causes(samples) else ()),
        *category_metrics(samples, right),
    ]
    return Scores(
        tuple(metric for metric in metrics if metric.n),
        tuple(
            SampleScore(
                one.sample.id,
                score,
                one.verdict if (one.sample.id, 0) in task.answers else "",
                "answered" if (one.sample.id, 0) in task.answers else "missing",
                set_of(one.sample),
            )
            for one, score in zip(judgements, right, strict=True)
        ),
        cluster_unit=CLUSTER_UNIT,
    )


def _consistency(samples: Sequence[Sample], right: Sequence[float]) -> list[Metric]:
    """The shares of figures with some and with all of their questions wrong."""
    figures: dict[str, list[int]] = {}
    for index, sample in enumerate(samples):
        for figure in figure_of(sample):
            figures.setdefault(figure, []).append(index)
    counts = [sum(right[index] for index in indices) for indices in figures.values()]
    sizes, firsts = map(len, figures.values()), [indices[0] for indices in figures.values()]
    inconsistent = [float(0 < count < size) for count, size in zip(counts, sizes, strict=True)]
    wrong = [float(count == 0) for count in counts]
    return [
        _share(name, values, firsts)
        for name, values in (("inconsistent_figures", inconsistent), ("wrong_figures", wrong))
    ]


def _share(name: str, values: Sequence[float], indices: Sequence[int]) -> Metric:
    return Metric(
        name,
        percent_mean(values),
        len(values),
        "percent",
        higher_is_better=False,
        ratios=(Ratio(values, sample_indices=indices),),
        scale=100.0,
    )


def _bias(samples: Sequence[Sample], right: Sequence[float]) -> list[Metric]:
    """How much more often the answer is yes than it should be, and the share of wrong answers that should be no."""
    expected = [float(sample.references[0] == "yes") for sample in samples]
    said = [float(hit == yes) for hit, yes in zip(right, expected, strict=True)]
    difference = mean(said) - mean(expected)
    excess = [yes - wanted for yes, wanted in zip(said, expected, strict=True)]
    wrong = [1.0 - hit for hit in right]
    should_be_no = [one * (1.0 - yes) for one, yes in zip(wrong, expected, strict=True)]
    count = int(sum(wrong))
    return [
        Metric(
            "yes_bias",
            difference,
            len(right),
            "fraction",
            higher_is_better=None,
            ratios=(Ratio(excess),),
            value_is_bounded=False,  # it may be negative
        ),
        Metric(
            "false_positive_ratio",
            ratio(sum(should_be_no), count),
            count,
            "fraction",
            higher_is_better=None,
            ratios=(Ratio(should_be_no, wrong),),
        ),
    ]


def _causes(judgements: Sequence[Judgement]) -> list[Metric]:
    """The shares of wrong answers by their cause."""
    causes = [one.diagnosis for one in judgements]
    wrong = [float(any(cause)) for cause in causes]
    kinds: Mapping[str, Callable[[tuple[bool, bool]], bool]] = {
        "language_hallucination": lambda cause: cause == (True, False),
        "visual_illusion": lambda cause: cause == (False, True),
        "mixed": lambda cause: cause == (True, True),
    }
    found = []
    for name, is_kind in kinds.items():
        values = [float(is_kind(cause)) for cause in causes]
        found.append(
            Metric(
                name,
                100 * ratio(sum(values), sum(wrong)),
                int(sum(wrong)),
                "percent",
                higher_is_better=None,
                ratios=(Ratio(values, wrong),),
                scale=100.0,
            )
        )
    return found
