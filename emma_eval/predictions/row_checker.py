"""Whether a row contradicts the sample that it was joined with: everything in it about the question is compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from emma_eval.predictions.answer_row import AnswerRow
from emma_eval.predictions.row_question import (
    IMAGE_KEYS,
    QUESTION_KEYS,
    comparable,
    contains_question,
    equal_options,
    image_stem,
    question_texts,
    row_images,
    row_options,
)
from emma_eval.tasks.circular import pass_choices
from emma_eval.types import Key, Sample

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig

# Readers of benchmarks whose category identifies a question: another word there is a contradiction. Elsewhere it may
# come from another grouping.
CATEGORY_READERS = frozenset({"pope_jsonl", "mme_folder"})
QUERY_READERS = frozenset({"mathvista_json"})  # the sample's question is a query that contains the official question


class RowChecker:
    """Compares rows with samples. Images are compared only if some row names an image of the samples."""

    def __init__(
        self,
        samples: Sequence[Sample],
        rows: Sequence[AnswerRow],
        task: TaskConfig | None,
        extra_question_keys: tuple[str, ...] = (),
    ) -> None:
        """`extra_question_keys`: keys that hold the question in this file, besides those that always do."""
        self.samples, self.task = samples, task
        self._samples = {sample.id: sample for sample in samples}
        self._reader = task.reader if task else ""
        self._rows = rows
        keys_in_file: set[str] = set()  # few, and VQAv2's files have 214,354 rows
        for row in rows:
            keys_in_file.update(row.cells, row.doc)
        columns = [columns for columns in (task.columns, task.hub and task.hub.columns) if columns] if task else []
        names = (name for one in columns for name in one.question.split("|") if name and name != "text")
        extra = (name for name in (*extra_question_keys, *names) if name not in QUESTION_KEYS)
        self.question_keys = tuple(key for key in (*QUESTION_KEYS, *extra) if key in keys_in_file)
        self.image_keys = tuple(key for key in IMAGE_KEYS if key in keys_in_file)
        self._has_category = "category" in keys_in_file
        self._has_options = not keys_in_file.isdisjoint({"options", "A"})

    @cached_property
    def _images(self) -> Mapping[str, frozenset[str]]:
        """Sample id -> stems of its images; empty if no row names any of them."""
        named = {stem for row in self._rows for stem in row_images(row, self.image_keys)} if self.image_keys else set()
        if not named:
            return {}
        stems = {name: frozenset(sample_images(sample)) for name, sample in self._samples.items()}
        return stems if not named.isdisjoint(*[frozenset().union(*stems.values())]) else {}

    @cached_property
    def _categories(self) -> frozenset[str]:
        return frozenset(sample.category for sample in self._samples.values() if sample.category)

    def contradiction(self, row: AnswerRow, key: Key) -> str | None:
        """In words, what in the row belongs to another question than its sample's; None if nothing does."""
        sample = self._samples[key[0]]
        return (
            self._check_question(row, sample)
            or self._check_image(row, sample)
            or self._check_category(row, sample)
            or self._check_options(row, sample, key[1])
        )

    def has_question(self, row: AnswerRow, sample: Sample) -> bool:
        """Whether the row holds a question, by which a wrong sample would be noticed."""
        return bool(sample.question and question_texts(row, self.question_keys))

    def _check_question(self, row: AnswerRow, sample: Sample) -> str | None:
        if not sample.question:  # captions: one instruction for all
            return None
        for key, text in question_texts(row, self.question_keys):
            if not self._asks(comparable(text), sample, key):
                return f"its {key} {shorten(text)} is not what sample {sample.id!r} asks, {shorten(sample.question)}"
        return None

    def _asks(self, text: str, sample: Sample, key: str) -> bool:
        """Whether a comparable text under this key asks the sample's question."""
        question = comparable(sample.question)
        if not question or contains_question(text, question):
            return True
        stripped = self.task.prompt.strip_text if self.task else ""
        if stripped and contains_question(text, comparable(sample.question.replace(stripped, " "))):
            return True
        if self._reader in QUERY_READERS and key != "prompt" and contains_question(question, text):
            return True
        return any(message in text for message in self._messages(sample))

    def _messages(self, sample: Sample) -> Iterable[str]:
        """What the task sends to a model, which may reword a question, as MuirBench does for concatenated images."""
        if self.task is None:
            return
        from emma_eval.prompts.building import build_requests

        for request in build_requests(self.task, [sample]):
            yield comparable(request.message)

    def _check_image(self, row: AnswerRow, sample: Sample) -> str | None:
        row_stems = row_images(row, self.image_keys) if self._images else []
        stems = self._images.get(sample.id)
        if not row_stems or not stems or not stems.isdisjoint(row_stems):
            return None
        return f"its image {shorten(row_stems[0])} is not that of sample {sample.id!r}, {shorten(min(stems))}"

    def _check_category(self, row: AnswerRow, sample: Sample) -> str | None:
        category = row.text("category") if self._has_category else ""
        if not category or not sample.category or category == sample.category:
            return None
        if category in self._categories or self._reader in CATEGORY_READERS:
            return f"its category {shorten(category)} is not that of sample {sample.id!r}, {shorten(sample.category)}"
        return None

    def _check_options(self, row: AnswerRow, sample: Sample, pass_index: int) -> str | None:
        if not sample.options or not self._has_options:
            return None
        options = row_options(row)
        if not options:
            return None
        choices = pass_choices(sample, bool(self.task and self.task.circular))[pass_index]
        for letter, text in options.items():
            own = choices.get(letter, "")
            if not equal_options(text, own):
                return (
                    f"its option {letter} {shorten(text)} is not that of pass {pass_index} of {sample.id!r}, "
                    f"{shorten(own)}"
                )
        return None


def sample_images(sample: Sample) -> list[str]:
    """The stems of a sample's images."""
    names = [image.name for image in sample.images]
    if "image" in sample.meta:
        names.append(str(sample.meta["image"]))
    return [stem for name in names if (stem := image_stem(name))]


def shorten(text: str) -> str:
    """A text quoted for a message, its middle left out where it is long."""
    text = " ".join(text.split())
    return repr(text if len(text) <= 120 else f"{text[:70]} ... {text[-40:]}")
