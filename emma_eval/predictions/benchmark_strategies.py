"""Join strategies of single benchmarks, whose answer files name samples otherwise than by the samples' own ids.

They are found by a task's reader, so that tasks which extend a benchmark's have its strategies too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from emma_eval.predictions.answer_row import AnswerRow
from emma_eval.predictions.join_strategies import FindSample, JoinStrategy, PassCounts, by_format, by_id
from emma_eval.predictions.row_checker import sample_images
from emma_eval.predictions.row_question import image_stem, row_images
from emma_eval.types import Key, Sample

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig

LLAVA_POPE = {"adversarial": 0, "random": 10_000_000, "popular": 20_000_000}  # added to the official question_id
MMVET_PREFIX = "v1_"


def benchmark_strategies(task: TaskConfig, samples: Sequence[Sample], passes: PassCounts) -> Iterator[JoinStrategy]:
    """The strategies of the task's benchmark."""
    if strategies := _BY_READER.get(task.reader):
        yield from strategies(samples, passes)
    if task.reader == "table":
        ids = [columns.id for columns in (task.columns, task.hub and task.hub.columns) if columns]
        formats = [text if "{" in text else f"{{{name}}}" for text in ids for name in text.split("|") if name]
        yield JoinStrategy("the columns of the id", by_format(list(dict.fromkeys(formats)), samples))
        yield JoinStrategy("ids with or without v1_", by_id(samples, passes, _prefixed(samples)))
        if any("{" in text for text in formats):
            yield JoinStrategy("the end of the index", _by_end(samples))


def _pope(samples: Sequence[Sample], passes: PassCounts) -> Iterator[JoinStrategy]:
    """LLaVA's ids, and the official ones: 1, 2, ... in each category's file, ambiguous without the row's category."""
    official = {(s.category, str(s.meta.get("question_id"))): s.id for s in samples}
    llava = {
        str(LLAVA_POPE[category] + int(number)): sample_id
        for (category, number), sample_id in official.items()
        if category in LLAVA_POPE and number.isdecimal()
    }
    yield JoinStrategy("LLaVA's ids", by_id(samples, passes, llava))

    def with_category(_: int, row: AnswerRow) -> Key | None:
        sample_id = official.get((row.text("category"), row.id))
        return None if sample_id is None else (sample_id, 0)

    yield JoinStrategy("the official ids and category", with_category)
    for name in dict.fromkeys(category for category, _ in official):
        numbers = {number: sample_id for (category, number), sample_id in official.items() if category == name}
        yield JoinStrategy(f"the official ids of {name}", by_id(samples, passes, numbers))


def _vizwiz(samples: Sequence[Sample], passes: PassCounts) -> Iterator[JoinStrategy]:
    """The image's name without its type, as the hub has it."""
    stems = {sample.id.removesuffix(".jpg"): sample.id for sample in samples}
    yield JoinStrategy("image names without .jpg", by_id(samples, passes, stems))


def _captions(samples: Sequence[Sample], passes: PassCounts) -> Iterator[JoinStrategy]:
    """The image's file name: captions have no question, and an image has one sample."""
    stems: dict[str, list[str]] = {}
    for sample in samples:
        for stem in dict.fromkeys(sample_images(sample)):
            stems.setdefault(stem, []).append(sample.id)

    def find(_: int, row: AnswerRow) -> Key | None:
        for stem in (image_stem(row.id), *row_images(row)):
            if len(found := stems.get(stem, [])) == 1:
                return found[0], 0
        return None

    yield JoinStrategy("image names", find)


def _prefixed(samples: Sequence[Sample]) -> Mapping[str, str]:
    """MM-Vet's ids in the other form: `v1_0` in the official file, 0 in LLaVA's."""
    other = (s.id.removeprefix(MMVET_PREFIX) if MMVET_PREFIX in s.id else MMVET_PREFIX + s.id for s in samples)
    return dict(zip(other, (sample.id for sample in samples), strict=True))


def _by_end(samples: Sequence[Sample]) -> FindSample:
    """An index that is a word, `_` and the id, as in VLMEvalKit's sheets of HallusionBench."""
    sample_ids = {sample.id for sample in samples}

    def find(_: int, row: AnswerRow) -> Key | None:
        end = row.id.partition("_")[2]
        return (end, 0) if end in sample_ids else None

    return find


_BY_READER: Mapping[str, Callable[[Sequence[Sample], PassCounts], Iterator[JoinStrategy]]] = {
    "captions_json": _captions,
    "pope_jsonl": _pope,
    "vizwiz_json": _vizwiz,
}
