"""Two questions about one image: which samples make a pair, and whether the answers follow the questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from emma_eval.interpretability.analysis.subject import Item
from emma_eval.runs.plan import TaskPlan
from emma_eval.scorers import get_scorer
from emma_eval.stats.paired import MetricComparison, compare_metrics
from emma_eval.types import Answer, Metric, Ratio, Sample, SampleScore, Scores

RIGHT = 0.5  # from this score on an answer counts as right


@dataclass(frozen=True, slots=True)
class Pair:
    """Two items of one task and one image, by their index, with different instructions."""

    first: int
    second: int
    is_scored: bool  # whether different answers are right


@dataclass(frozen=True, slots=True)
class PairScore:
    """How the two answers of a pair were scored, 0 to 1 each."""

    own: tuple[float, float]  # for the question that was asked
    other: tuple[float, float]  # for the pair's other question
    same: bool  # whether both answers are one text

    @property
    def both_right(self) -> bool:
        """Whether the answers follow the questions: each is right for its own, and different ones are right."""
        return min(self.own) >= RIGHT


def find_pairs(items: Sequence[Item], unscored: Sequence[str] = ()) -> list[Pair]:
    """One pair for each image of each task that has two instructions: the first to which different answers are right.

    Where there is none, the first with two instructions. Those of the tasks `unscored` have no score.
    """
    groups: dict[tuple[str, object], list[int]] = {}
    for index, item in enumerate(items):
        groups.setdefault((item.task, item.image), []).append(index)
    pairs = []
    for (task, _), members in groups.items():
        candidates = [
            Pair(one, two, task not in unscored and answers_differ(items[one], items[two]))
            for one, two in combinations(members, 2)
            if items[one].request.instruction != items[two].request.instruction
        ]
        pairs += [next((pair for pair in candidates if pair.is_scored), candidates[0])] if candidates else []
    return pairs


def answers_differ(one: Item, two: Item) -> bool:
    """Whether no answer is right for both, by their references' texts, and both were scored."""
    first, second = (_references(item.sample) for item in (one, two))
    return one.score is not None and two.score is not None and first.isdisjoint(second)


def _references(sample: Sample) -> set[str]:
    return {bare_text(text) for text in sample.references}


def bare_text(text: str) -> str:
    """An answer without case, outer punctuation and doubled blanks, to tell whether two are the same."""
    return " ".join(text.lower().strip(" .").split())


def score_pairs(
    plan: TaskPlan, items: Sequence[Item], pairs: Sequence[Pair], texts: Mapping[int, str]
) -> list[PairScore]:
    """Score the answers `texts` of the pairs' items, by index, for their own question and for the other one's.

    The task's own scorer decides, over these samples alone.
    """
    config = plan.task.scorer_config(plan.protocol)
    scorer = get_scorer(config.scorer, **config.options)
    asked = [index for pair in pairs for index in (pair.first, pair.second)]
    partner = {one: two for pair in pairs for one, two in ((pair.first, pair.second), (pair.second, pair.first))}
    samples = [items[index].sample for index in asked]

    def scores(said: Mapping[int, str]) -> dict[int, float]:
        answers = {items[index].request.key: Answer(said[index], items[index].request.message) for index in asked}
        return dict(zip(asked, (score.score for score in scorer(samples, answers).samples), strict=True))

    own, other = scores(texts), scores({index: texts[partner[index]] for index in asked})
    return [
        PairScore(
            (own[pair.first], own[pair.second]),
            (other[pair.second], other[pair.first]),  # each answer, as the other question scores it
            bare_text(texts[pair.first]) == bare_text(texts[pair.second]),
        )
        for pair in pairs
    ]


def compare_following(before: Sequence[PairScore], after: Sequence[PairScore]) -> MetricComparison:
    """In how many more of the same pairs both answers are right, in percent: by McNemar's exact test."""
    (found,) = compare_metrics(_as_scores(before), _as_scores(after))
    return found


def _as_scores(pairs: Sequence[PairScore]) -> Scores:
    values = [float(pair.both_right) for pair in pairs]
    share = 100 * sum(values) / len(values)
    metric = Metric("both right", share, len(values), "percent", ratios=(Ratio(values),), scale=100)
    return Scores((metric,), tuple(SampleScore(str(index), value, "") for index, value in enumerate(values)))
