"""The join by what a row shows: its image and its question.

LLaVA's answers to MME and TextVQA have the image as their id, MME's twice; POPE's image and question may stand in
several categories, of which the row must then name one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from emma_eval.predictions.checking import Checker, sample_images
from emma_eval.predictions.evidence import image_stem, row_images
from emma_eval.predictions.joins import Join, Passes
from emma_eval.predictions.rows import AnswerRow
from emma_eval.types import Key, Sample

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig


def content_join(samples: Sequence[Sample], task: TaskConfig | None, checker: Checker, passes: Passes) -> Join:
    """The join by image and question; its `find` raises ValueError for a row that fits several samples."""
    return Join("image and question", _Content(samples, task, checker, passes).find)


IMAGE_AS_ID = frozenset({"mme_folder", "textvqa_json"})  # readers of benchmarks whose id in LLaVA's files is the image


class _Content:
    def __init__(self, samples: Sequence[Sample], task: TaskConfig | None, checker: Checker, passes: Passes) -> None:
        self._samples, self._checker, self._passes = samples, checker, passes
        self._reader = task.reader if task else ""

    @cached_property
    def _by_image(self) -> Mapping[str, list[Sample]]:
        found: dict[str, list[Sample]] = {}
        for sample in self._samples:
            for stem in dict.fromkeys(sample_images(sample)):
                found.setdefault(stem, []).append(sample)
        return found

    def find(self, _: int, row: AnswerRow) -> Key | None:
        """The one sample with the row's image that nothing in the row contradicts."""
        stems, folder = row_images(row, self._checker.image_keys), ""
        named = row.text("question_id")
        if not stems and (self._reader == "textvqa_json" or (self._reader == "mme_folder" and "/" in named)):
            stems, folder = [image_stem(named)], named.rpartition("/")[0].partition("/")[0]
        candidates = {sample.id: sample for stem in stems for sample in self._by_image.get(stem, ())}
        if folder:  # the subtask in `existence/000001.jpg`
            candidates = {key: sample for key, sample in candidates.items() if sample.category == folder}
        fitting = [sample for sample in candidates.values() if self._fits(row, sample)]
        if len(fitting) > 1:
            fitting = self._closest(row, fitting)
        return self._passes.key(fitting[0].id, row) if fitting else None

    def _fits(self, row: AnswerRow, sample: Sample) -> bool:
        return self._checker.can_tell(row, sample) and self._checker.contradiction(row, (sample.id, 0)) is None

    def _closest(self, row: AnswerRow, fitting: Sequence[Sample]) -> list[Sample]:
        """The longest question of those that a row holds, if it is one and holds the others."""
        longest = max(fitting, key=lambda sample: len(sample.question))
        if sum(sample.question.casefold() == longest.question.casefold() for sample in fitting) > 1:
            ids = " and ".join(repr(sample.id) for sample in fitting[:3])
            raise ValueError(f"its image and question are those of the samples {ids}")
        return [longest]
