"""The join by content: a row's image and question.

LLaVA's answers to MME and TextVQA have the image as their id, in MME twice; POPE asks a question about an image in
several categories, of which the row must then name one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from emma_eval.predictions.answer_row import AnswerRow
from emma_eval.predictions.join_strategies import JoinStrategy, PassCounts
from emma_eval.predictions.row_checker import RowChecker, sample_images
from emma_eval.predictions.row_question import image_stem, row_images
from emma_eval.types import Key, Sample

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig


def content_strategy(
    samples: Sequence[Sample], task: TaskConfig | None, checker: RowChecker, passes: PassCounts
) -> JoinStrategy:
    """The join by image and question, which raises ValueError for a row that fits several samples."""
    return JoinStrategy("image and question", _ContentSearch(samples, task, checker, passes).find)


IMAGE_AS_ID = frozenset({"mme_folder", "textvqa_json"})  # readers of benchmarks whose id in LLaVA's files is the image


class _ContentSearch:
    def __init__(
        self, samples: Sequence[Sample], task: TaskConfig | None, checker: RowChecker, passes: PassCounts
    ) -> None:
        self._samples, self._checker, self._passes = samples, checker, passes
        self._reader = task.reader if task else ""

    @cached_property
    def _by_image(self) -> Mapping[str, list[Sample]]:
        by_image: dict[str, list[Sample]] = {}
        for sample in self._samples:
            for stem in dict.fromkeys(sample_images(sample)):
                by_image.setdefault(stem, []).append(sample)
        return by_image

    def find(self, _: int, row: AnswerRow) -> Key | None:
        """The one sample with the row's image that the row does not contradict."""
        stems, folder = row_images(row, self._checker.image_keys), ""
        image_id = row.text("question_id")
        if not stems and (self._reader == "textvqa_json" or (self._reader == "mme_folder" and "/" in image_id)):
            stems, folder = [image_stem(image_id)], image_id.rpartition("/")[0].partition("/")[0]
        candidates = {sample.id: sample for stem in stems for sample in self._by_image.get(stem, ())}
        if folder:  # the subtask in `existence/000001.jpg`
            candidates = {key: sample for key, sample in candidates.items() if sample.category == folder}
        fitting = [sample for sample in candidates.values() if self._fits(row, sample)]
        if len(fitting) > 1:
            fitting = self._closest(row, fitting)
        return self._passes.pass_key(fitting[0].id, row) if fitting else None

    def _fits(self, row: AnswerRow, sample: Sample) -> bool:
        return self._checker.has_question(row, sample) and self._checker.contradiction(row, (sample.id, 0)) is None

    def _closest(self, row: AnswerRow, fitting: Sequence[Sample]) -> list[Sample]:
        """The sample with the longest question, in a list. Raises ValueError if several have it."""
        longest = max(fitting, key=lambda sample: len(sample.question))
        if sum(sample.question.casefold() == longest.question.casefold() for sample in fitting) > 1:
            ids = " and ".join(repr(sample.id) for sample in fitting[:3])
            raise ValueError(f"its image and question are those of the samples {ids}")
        return [longest]
