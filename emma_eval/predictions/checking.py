"""Whether a row contradicts the sample that it was joined with: all of it that says what was asked is compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from emma_eval.predictions.evidence import (
    IMAGE_KEYS,
    QUESTION_KEYS,
    asked,
    holds,
    image_stem,
    plain,
    row_images,
    row_options,
    same_option,
)
from emma_eval.predictions.rows import AnswerRow
from emma_eval.tasks.circular import pass_choices
from emma_eval.types import Key, Sample

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig

# Benchmarks whose category is a part of a question's identity: another word there is a mistake, not another sorting.
CATEGORY_READERS = frozenset({"pope_jsonl", "mme_folder"})
QUERY_READERS = frozenset({"mathvista_json"})  # the sample's question is a query that holds the benchmark's question


class Checker:
    """Compares rows with samples. Images are compared where any row names one of the samples' images."""

    def __init__(
        self,
        samples: Sequence[Sample],
        rows: Sequence[AnswerRow],
        task: TaskConfig | None,
        asking: tuple[str, ...] = (),
    ) -> None:
        """`asking`: keys of this file that say what was asked, besides those that always do."""
        self.samples, self.task = samples, task
        self._samples = {sample.id: sample for sample in samples}
        self._reader = task.reader if task else ""
        columns = [columns for columns in (task.columns, task.hub and task.hub.columns) if columns] if task else []
        asking += tuple(name for one in columns for name in one.question.split("|") if name and name != "text")
        self.question_keys: tuple[str, ...] = (*QUESTION_KEYS, *(name for name in asking if name not in QUESTION_KEYS))
        self._rows = rows
        present: set[str] = set()  # a file has few of the keys that there may be, and VQAv2's has 214,354 rows
        for row in rows:
            present.update(row.cells, row.doc)
        self.question_keys = tuple(key for key in self.question_keys if key in present)
        self.image_keys = tuple(key for key in IMAGE_KEYS if key in present)
        self._has_category = "category" in present
        self._has_options = not present.isdisjoint({"options", "A"})

    @cached_property
    def _images(self) -> Mapping[str, frozenset[str]]:
        """Sample id -> stems of its images; empty where no row names any of them."""
        named = {stem for row in self._rows for stem in row_images(row, self.image_keys)} if self.image_keys else set()
        if not named:
            return {}
        stems = {name: frozenset(sample_images(sample)) for name, sample in self._samples.items()}
        return stems if not named.isdisjoint(*[frozenset().union(*stems.values())]) else {}

    @cached_property
    def _categories(self) -> frozenset[str]:
        return frozenset(sample.category for sample in self._samples.values() if sample.category)

    def contradiction(self, row: AnswerRow, key: Key) -> str | None:
        """In words, what in the row speaks of another question than its sample's; None if nothing does."""
        sample = self._samples[key[0]]
        return (
            self._question(row, sample)
            or self._image(row, sample)
            or self._told_category(row, sample)
            or (self._options(row, sample, key[1]))
        )

    def can_tell(self, row: AnswerRow, sample: Sample) -> bool:
        """Whether the row holds a text by which a wrong sample would be noticed."""
        return bool(sample.question and asked(row, self.question_keys))

    def _question(self, row: AnswerRow, sample: Sample) -> str | None:
        if not sample.question:  # captions: one instruction for all
            return None
        for key, text in asked(row, self.question_keys):
            if not self._asks(plain(text), sample, key):
                return f"its {key} {shown(text)} is not what sample {sample.id!r} asks, {shown(sample.question)}"
        return None

    def _asks(self, text: str, sample: Sample, key: str) -> bool:
        question = plain(sample.question)
        if not question or holds(text, question):
            return True
        removed = self.task.prompt.strip_text if self.task else ""
        if removed and holds(text, plain(sample.question.replace(removed, " "))):
            return True
        if self._reader in QUERY_READERS and key != "prompt" and holds(question, text):
            return True
        return any(message in text for message in self._messages(sample))

    def _messages(self, sample: Sample) -> Iterable[str]:
        """What the task sends to a model: it may reword a question, as MuirBench's pasted images do."""
        if self.task is None:
            return
        from emma_eval.prompts.building import build_requests

        for request in build_requests(self.task, [sample]):
            yield plain(request.message)

    def _image(self, row: AnswerRow, sample: Sample) -> str | None:
        named = row_images(row, self.image_keys) if self._images else []
        own = self._images.get(sample.id)
        if not named or not own or not own.isdisjoint(named):
            return None
        return f"its image {shown(named[0])} is not that of sample {sample.id!r}, {shown(min(own))}"

    def _told_category(self, row: AnswerRow, sample: Sample) -> str | None:
        category = row.text("category") if self._has_category else ""
        if not category or not sample.category or category == sample.category:
            return None
        if category in self._categories or self._reader in CATEGORY_READERS:
            return f"its category {shown(category)} is not that of sample {sample.id!r}, {shown(sample.category)}"
        return None

    def _options(self, row: AnswerRow, sample: Sample, pass_index: int) -> str | None:
        if not sample.options or not self._has_options:
            return None
        told = row_options(row)
        if not told:
            return None
        shown_options = pass_choices(sample, bool(self.task and self.task.circular))[pass_index]
        for letter, text in told.items():
            own = shown_options.get(letter, "")
            if not same_option(text, own):
                return (
                    f"its option {letter} {shown(text)} is not that of pass {pass_index} of {sample.id!r}, {shown(own)}"
                )
        return None


def sample_images(sample: Sample) -> list[str]:
    """The stems of a sample's images."""
    names = [image.name for image in sample.images]
    if "image" in sample.meta:
        names.append(str(sample.meta["image"]))
    return [stem for name in names if (stem := image_stem(name))]


def shown(text: str) -> str:
    """A text for a message, its middle left out where it is long."""
    text = " ".join(text.split())
    return repr(text if len(text) <= 120 else f"{text[:70]} ... {text[-40:]}")
