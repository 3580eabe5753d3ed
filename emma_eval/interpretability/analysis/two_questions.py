"""Section on two questions about one image: what they change in the visual tokens, and whether answers follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from emma_eval.inference.batched import BatchedEngine
from emma_eval.interpretability.ablated_model import with_weights
from emma_eval.interpretability.analysis.attention_data import ALL, generate
from emma_eval.interpretability.analysis.means import Mean, column_means
from emma_eval.interpretability.analysis.plots import as_grid, heat_maps
from emma_eval.interpretability.analysis.question_figures import ShownPair, draw_pairs
from emma_eval.interpretability.analysis.question_maps import MapBuilder
from emma_eval.interpretability.analysis.question_pairs import (
    Pair,
    PairScore,
    compare_following,
    find_pairs,
    score_pairs,
)
from emma_eval.interpretability.analysis.section import AnalysisFigure, AnalysisSection, DataTable, Floats
from emma_eval.interpretability.analysis.subject import SHOWN, named_question, one_text, shown_items
from emma_eval.results.model_analysis import Value
from emma_eval.stats.proportion import share_interval
from emma_eval.utils.text import pluralize

if TYPE_CHECKING:
    from emma_eval.interpretability.analysis.subject import FeatureBatch, Subject

OWN, SWAPPED, OFF = "as trained", "the other question's instruction", "alignment off"
TITLE = "One image, two questions"
NO_PAIRS = "No image has two questions among these samples, so there is nothing to compare; --samples takes more."
LINEAR = (
    "The alignment is linear in its input, W [V; E] + b: what two questions change before the projector, Wt (E1 - E2), "
    "is the same for every image, so that this map says where the module writes, not what is there. After the "
    "projector's GELU it depends on the image."
)
READS_TOO = (
    "The language model reads the question itself, with alignment or without: what answers owe to the module is the "
    "difference between the settings alone."
)
COLUMNS = (
    "task", "setting", "pairs", "both right", "both right, %", "both right: low", "both right: high",
    "difference, points", "difference: low", "difference: high", "p", "same answer", "same answer, %",
    "same answer: low", "same answer: high",
    "score for its own question, %", "score for the other question, %",
)  # fmt: skip
Texts = Mapping[int, str]  # the answer to each item, by index


@dataclass(frozen=True, slots=True)
class Followed:
    """One setting of one task, or of all: how the same pairs were answered."""

    task: str
    setting: str
    scores: tuple[PairScore, ...]

    def share(self, count: int) -> Mean:
        """So many of the pairs, in percent, with the exact interval."""
        total = len(self.scores)
        low, high = share_interval(count, total)
        return Mean(100 * count / total, (100 * low, 100 * high), total)

    @property
    def num_right(self) -> int:
        """In how many both answers are right."""
        return sum(score.both_right for score in self.scores)

    @property
    def num_same(self) -> int:
        """In how many one answer is given to both questions."""
        return sum(score.same for score in self.scores)


class TwoQuestionsBuilder:
    """Pairs the items of an image, keeps the maps of their tokens and, at its end, asks them in other settings."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        unscored = [name for name, plan in subject.plans.items() if plan.task.circular]
        self._pairs = find_pairs(subject.items, unscored)
        self._maps = MapBuilder(subject.model, self._pairs) if subject.has_alignment else None

    def add(self, batch: FeatureBatch) -> None:
        """Maps of a model without alignment would be zeros: no question moves its tokens."""
        if self._maps is not None:
            self._maps.add(batch)

    def finish(self) -> AnalysisSection:
        """The section."""
        if not self._pairs:
            return AnalysisSection(title=TITLE, sentences=(NO_PAIRS,))
        answers, lost = self._answers()
        scored = [pair for pair in self._pairs if pair.is_scored and pair not in lost]
        followed = list(self._followed(answers, scored))
        grid = self._subject.grid
        arrays = {}
        if self._maps is not None and grid is not None:
            arrays = {f"mean difference {name}": as_grid(100 * values, grid) for name, values in self._maps.means()}
        distances = list(self._distances())
        return AnalysisSection(
            title=TITLE,
            sentences=tuple(self._sentences(followed, distances, len(lost))),
            limits=(LINEAR, READS_TOO) if self._maps is not None else (READS_TOO,),
            tables=tuple(_tables(followed, distances)),
            arrays=arrays,
            figures=tuple(self._figures(arrays, answers)),
        )

    def _answers(self) -> tuple[dict[str, Texts], list[Pair]]:
        """The answers by setting, and the pairs that lack one in some setting."""
        items = self._subject.items
        asked = [index for pair in self._pairs for index in (pair.first, pair.second)]
        found: dict[str, Texts] = {OWN: {index: items[index].answer for index in asked}}
        if self._subject.has_alignment:
            partner = {a: b for pair in self._pairs for a, b in ((pair.first, pair.second), (pair.second, pair.first))}
            own = [items[index].request for index in asked]
            other = [replace(items[i].request, instruction=items[partner[i]].request.instruction) for i in asked]
            runner = self._subject.runner
            without = with_weights(runner, "alignment_off")
            without.vision_cache = runner.vision_cache
            engine = self._subject.engine or BatchedEngine(runner)
            for setting, asking, requests in ((SWAPPED, engine, other), (OFF, BatchedEngine(without), own)):
                found[setting] = {asked[place]: one.text for place, one in generate(asking, requests).items()}
        lost = [
            pair for pair in self._pairs for texts in found.values() if not {pair.first, pair.second} <= texts.keys()
        ]
        return found, list(dict.fromkeys(lost))

    def _followed(self, answers: Mapping[str, Texts], scored: Sequence[Pair]) -> Iterator[Followed]:
        """Every task's settings, then those of all tasks together."""
        items = self._subject.items
        tasks = list(dict.fromkeys(items[pair.first].task for pair in scored))
        every: dict[str, list[PairScore]] = {setting: [] for setting in answers}
        for task in tasks:
            pairs = [pair for pair in scored if items[pair.first].task == task]
            for setting, texts in answers.items():
                scores = score_pairs(self._subject.plans[task], items, pairs, texts)
                every[setting] += scores
                yield Followed(task, setting, tuple(scores))
        if len(tasks) > 1:
            yield from (Followed(ALL, setting, tuple(scores)) for setting, scores in every.items())

    def _distances(self) -> Iterator[tuple[str, Mean]]:
        if self._maps is None:
            return
        maps = self._maps.maps
        rows = np.array([
            [one.aligned.mean(), one.embedded.mean(), np.nan if one.other_image is None else one.other_image.mean()]
            for one in maps.values()
        ])  # fmt: skip
        clusters = [self._subject.items[self._pairs[number].first].cluster for number in maps]
        names = ("two questions, before the projector", "two questions, as the language model reads them",
                 "two images at the same place, as the language model reads them")  # fmt: skip
        yield from ((name, mean) for name, mean in zip(names, column_means(100 * rows, clusters), strict=True) if mean)

    def _sentences(
        self, followed: Sequence[Followed], distances: Sequence[tuple[str, Mean]], lost: int
    ) -> Iterator[str]:
        yield (
            f"{pluralize(len(self._pairs), 'image')} with two questions; in {len(self._scored)} of these pairs "
            "different answers are right."
        )
        last = {one.setting: one for one in followed if one.task == followed[-1].task}
        if OWN in last:
            shares = ", ".join(f"{setting} {one.share(one.num_right)}" for setting, one in last.items())
            yield f"Both answers are right in, percent of these pairs: {shares}."
            shares = ", ".join(f"{setting} {one.share(one.num_same)}" for setting, one in last.items())
            yield f"One answer is given to both questions in, percent: {shares}."
        for setting in (SWAPPED, OFF):
            if setting in last:
                yield f"{setting[0].upper()}{setting[1:]}: {_change(last[OWN], last[setting])}."
        if distances:
            parts = ", ".join(f"{name} {mean}" for name, mean in distances)
            yield f"Distance of visual tokens over their norm, in percent: {parts}."
        else:
            yield "No difference maps: no question moves the visual tokens of a model without alignment."
        if lost:
            yield f"{pluralize(lost, 'pair')} left out: no answer in some setting."

    @property
    def _scored(self) -> list[Pair]:
        return [pair for pair in self._pairs if pair.is_scored]

    def _figures(self, arrays: Mapping[str, Floats], answers: Mapping[str, Texts]) -> Iterator[AnalysisFigure]:
        if not arrays or self._maps is None or self._subject.grid is None:
            return
        named = {name.removeprefix("mean difference "): values for name, values in arrays.items()}
        caption = (
            f"Distance of visual tokens between two questions about one image, in percent of their norm, mean over "
            f"{pluralize(len(self._maps.maps), 'pair')}. Before the projector it does not depend on the image."
        )
        yield AnalysisFigure("mean-difference", caption, partial(heat_maps, named))
        shown = self._shown()
        if shown:
            pairs = [self._shown_pair(number, answers, self._subject.grid) for number in shown]
            caption = (
                "Two questions about one image: the image as the model saw it, and the distance of its visual tokens "
                "between the questions, in percent of their norm."
            )
            yield AnalysisFigure("pairs", caption, partial(draw_pairs, pairs))

    def _shown(self) -> list[int]:
        """The pairs with a chosen sample, else the first few to which different answers are right."""
        if not self._subject.shown:
            numbers = range(len(self._pairs))
            return sorted(numbers, key=lambda number: not self._pairs[number].is_scored)[:SHOWN]
        chosen = {index for indices in shown_items(self._subject).values() for index in indices}
        return [number for number, pair in enumerate(self._pairs) if chosen & {pair.first, pair.second}]

    def _shown_pair(self, number: int, answers: Mapping[str, Texts], grid: tuple[int, int]) -> ShownPair:
        assert self._maps is not None
        pair, found = self._pairs[number], self._maps.maps[number]
        item = self._subject.items[pair.first]
        lines = [self._line(index, answers) for index in (pair.first, pair.second)]
        image = self._subject.runner.to_pixels(item.image).transpose(1, 2, 0)
        maps = {"before the projector": found.aligned, "as the language model reads": found.embedded}
        return ShownPair(lines, image, {name: as_grid(100 * values, grid) for name, values in maps.items()})

    def _line(self, index: int, answers: Mapping[str, Texts]) -> str:
        item = self._subject.items[index]
        off = answers[OFF].get(index, "(no answer)")
        return f"{named_question(item)} Answer: {one_text(item.answer)}; with alignment off: {one_text(off)}"


def _change(own: Followed, other: Followed) -> str:
    """In how many more pairs both answers are right than as trained, in words."""
    found = compare_following(own.scores, other.scores)
    if [one.both_right for one in own.scores] == [one.both_right for one in other.scores]:
        return "both answers are right in the same pairs as trained"
    low, high = found.interval
    change = f"{found.difference:+.1f} points [{low:+.1f}, {high:+.1f}] of pairs with both right than as trained"
    return f"{change}, McNemar's exact p = {found.p_value:.2g}"


def _tables(followed: Sequence[Followed], distances: Sequence[tuple[str, Mean]]) -> Iterator[DataTable]:
    if followed:
        caption = "Whether the answers to two questions about one image follow the questions, with 95% intervals."
        yield DataTable("answers", caption, COLUMNS, tuple(_rows(followed)))
    if distances:
        caption = "Distance of visual tokens over their norm, mean over tokens and pairs, with 95% intervals."
        rows = tuple((name, *mean.cells) for name, mean in distances)
        yield DataTable("distances", caption, ("what", "mean, %", "low", "high"), rows)


def _rows(followed: Sequence[Followed]) -> Iterator[tuple[Value, ...]]:
    own = {one.task: one for one in followed if one.setting == OWN}
    for one in followed:
        difference: list[Value] = [None, None, None, None]
        if one.setting != OWN:
            found = compare_following(own[one.task].scores, one.scores)
            difference = [found.difference, *found.interval, found.p_value]
        means_of = [100 * float(np.mean([getattr(score, name) for score in one.scores])) for name in ("own", "other")]
        counted = [(count, *one.share(count).cells) for count in (one.num_right, one.num_same)]
        yield (one.task, one.setting, len(one.scores), *counted[0], *difference, *counted[1], *means_of)
