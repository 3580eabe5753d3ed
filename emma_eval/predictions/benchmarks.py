"""How the answer files of each benchmark name their samples, besides the samples' own ids.

By the reader of a task, so that tasks which extend a benchmark's have its ways too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from emma_eval.predictions.checking import sample_images
from emma_eval.predictions.evidence import image_stem, row_images
from emma_eval.predictions.joins import Find, Join, Passes, by_filled, by_id
from emma_eval.predictions.rows import AnswerRow
from emma_eval.types import Key, Sample

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig

LLAVA_POPE = {"adversarial": 0, "random": 10_000_000, "popular": 20_000_000}  # added to the official question_id
MMVET_PREFIX = "v1_"


def joins(task: TaskConfig, samples: Sequence[Sample], passes: Passes) -> Iterator[Join]:
    """The ways of the task's benchmark."""
    if ways := _BY_READER.get(task.reader):
        yield from ways(samples, passes)
    if task.reader == "table":
        columns = [one for one in (task.columns, task.hub and task.hub.columns) if one]
        layouts = [one.id if "{" in one.id else f"{{{name}}}" for one in columns for name in one.id.split("|") if name]
        yield Join("the columns of the id", by_filled(list(dict.fromkeys(layouts)), samples))
        yield Join("ids with or without v1_", by_id(samples, passes, _prefixed(samples)))
        if any("{" in layout for layout in layouts):
            yield Join("the end of the index", _by_end(samples))


def _pope(samples: Sequence[Sample], passes: Passes) -> Iterator[Join]:
    """LLaVA's ids, and the official ones: 1, 2, ... in each category's file, which only the row's category tells."""
    official = {(s.category, str(s.meta.get("question_id"))): s.id for s in samples}
    llava = {
        str(LLAVA_POPE[category] + int(number)): sample_id
        for (category, number), sample_id in official.items()
        if category in LLAVA_POPE and number.isdecimal()
    }
    yield Join("LLaVA's ids", by_id(samples, passes, llava))

    def with_category(_: int, row: AnswerRow) -> Key | None:
        found = official.get((row.text("category"), row.name))
        return None if found is None else (found, 0)

    yield Join("the official ids and category", with_category)
    for chosen in dict.fromkeys(category for category, _ in official):
        numbers = {number: sample_id for (category, number), sample_id in official.items() if category == chosen}
        yield Join(f"the official ids of {chosen}", by_id(samples, passes, numbers))


def _vizwiz(samples: Sequence[Sample], passes: Passes) -> Iterator[Join]:
    """The image's name without its type, as the hub has it; LLaVA's row numbers are found with their prompt."""
    yield Join("image names without .jpg", by_id(samples, passes, {s.id.removesuffix(".jpg"): s.id for s in samples}))


def _captions(samples: Sequence[Sample], passes: Passes) -> Iterator[Join]:
    """The image's file name: captions have no question, and each image one sample."""
    stems: dict[str, list[str]] = {}
    for sample in samples:
        for stem in dict.fromkeys(sample_images(sample)):
            stems.setdefault(stem, []).append(sample.id)

    def find(_: int, row: AnswerRow) -> Key | None:
        for stem in (image_stem(row.name), *row_images(row)):
            if len(found := stems.get(stem, [])) == 1:
                return found[0], 0
        return None

    yield Join("image names", find)


def _prefixed(samples: Sequence[Sample]) -> Mapping[str, str]:
    """MM-Vet's ids in the other form: `v1_0` in the official file, 0 in LLaVA's."""
    other = (s.id.removeprefix(MMVET_PREFIX) if MMVET_PREFIX in s.id else MMVET_PREFIX + s.id for s in samples)
    return dict(zip(other, (sample.id for sample in samples), strict=True))


def _by_end(samples: Sequence[Sample]) -> Find:
    """An index that ends with the id after a word of its own, as VLMEvalKit's of HallusionBench does."""
    known = {sample.id for sample in samples}

    def find(_: int, row: AnswerRow) -> Key | None:
        end = row.name.partition("_")[2]
        return (end, 0) if end in known else None

    return find


_BY_READER: Mapping[str, Callable[[Sequence[Sample], Passes], Iterator[Join]]] = {
    "captions_json": _captions,
    "pope_jsonl": _pope,
    "vizwiz_json": _vizwiz,
}
