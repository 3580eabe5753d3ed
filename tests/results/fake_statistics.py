"""Evidence of a small task, made from a scorer's scores."""

from dataclasses import replace
from pathlib import Path

from emma_eval.results.manifest import TaskFacts
from emma_eval.results.sample_statistics import TaskStatistics, from_record, to_record
from emma_eval.results.scores import Counts, EvaluationSetup, TaskScores
from emma_eval.scorers import get_scorer
from emma_eval.types import Answer, Scores
from tests.scorers.helpers import sample

QUESTIONS = 40


def pope_scores(wrong: set[int], questions: int = QUESTIONS) -> Scores:
    """POPE's scores of so many questions, two an image, with these answered wrongly."""
    samples = [
        sample(str(i), ("yes", "no")[i % 2], category=("random", "popular")[i // 2 % 2], image=f"{i // 2}.jpg")
        for i in range(questions)
    ]
    texts = [
        one.references[0] if i not in wrong else {"yes": "no", "no": "yes"}[one.references[0]]
        for i, one in enumerate(samples)
    ]
    return get_scorer("pope")(samples, {(one.id, 0): Answer(t) for one, t in zip(samples, texts, strict=True)})


def statistics(
    wrong: set[int] = frozenset(), questions: int = QUESTIONS, task: str = "pope", **facts: str
) -> TaskStatistics:
    """The evidence of these scores; `facts` are fields of the record."""
    return statistics_of(pope_scores(set(wrong), questions), task, "f1", **facts)


def statistics_of(scores: Scores, task: str, metric: str, **facts: str) -> TaskStatistics:
    """The evidence of a task's scores."""
    scored = TaskScores(
        name=task,
        title=task,
        benchmark=task,
        split="test",
        protocol="official",
        metric=metric,
        complete=True,
        setup=EvaluationSetup(config="c", reference_digest="t", template="vicuna_v1", prompts="p"),
        counts=Counts.of(scores.samples),
        mean_score=0.0,
        metrics=(),
    )
    about = TaskFacts(config="c", protocol="official", data={}, reference_digest="t", samples=len(scores.samples))
    record = to_record(scored, about, scores).model_copy(update=facts)
    found = from_record(record, Path("run"))
    return replace(found, record=record)
