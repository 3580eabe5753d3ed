"""The data of the page's sample browser: an index for filters and search, and chunks that are loaded when needed.

The index is columnar, with one entry a sample. A chunk holds the prompts and images of CHUNK consecutive samples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Literal

from emma_eval.reports.html.run_loader import TaskResults
from emma_eval.reports.html.thumbnails import thumbnails
from emma_eval.results.sample_scores import STATUSES
from emma_eval.results.scores import TaskScores
from emma_eval.types import ImageSource, Key, Response, Sample, SampleScore

CHUNK = 100
NOT_ASKED = 3  # as a status, after those of STATUSES
MAX_IMAGES = 8  # shown for one sample

Limit = int | Literal["all"]


@dataclass(frozen=True, slots=True)
class ShownSample:
    """One sample with the scores and responses of each run."""

    id: str
    sample: Sample | None  # None if the benchmark's data are not at hand
    scores: tuple[SampleScore | None, ...]  # one a run; None if it was not asked
    passes: tuple[tuple[Response, ...], ...]  # one tuple a run
    images: tuple[tuple[ImageSource, str], ...] = ()  # each with the runs that showed it; "" for all

    @property
    def question(self) -> str:
        """The question; without the benchmark's data the prompt."""
        if self.sample:
            return self.sample.question
        return next((responses[0].prompt for responses in self.passes if responses), "")

    @property
    def reference(self) -> str:
        """The references, each once: 'red', 'B. top left', 'yes (7 of 10), no (3 of 10)'."""
        if self.sample is None:
            return ""
        counts = Counter(self.sample.references)
        if len(counts) > 1:
            total = len(self.sample.references)
            return ", ".join(f"{answer} ({count} of {total})" for answer, count in counts.most_common())
        answer = next(iter(counts), "")
        option = ord(answer) - ord("A") if len(answer) == 1 else -1
        return f"{answer}. {self.sample.options[option]}" if 0 <= option < len(self.sample.options) else answer


@dataclass(slots=True)
class SampleBrowser:
    """Collects the samples of all tasks, then gives the index and the chunks."""

    runs: tuple[str, ...]
    limit: Limit
    tasks: list[dict[str, Any]] = field(default_factory=list)
    shown: list[tuple[int, ShownSample]] = field(default_factory=list)  # (index of the task, sample)
    images: dict[ImageSource, int] = field(default_factory=dict)  # those of the chunks given so far -> their number

    def add(
        self,
        task: TaskScores,
        results: Sequence[TaskResults],
        references: Mapping[str, Sample],
        seen: Sequence[Sequence[Sample]],
    ) -> None:
        """Add a task's samples, `limit` of them at even distances so that every category is represented.

        `seen` are for each of the results the samples with the images that its run showed.
        """
        ids = list(dict.fromkeys(sample_id for result in results for sample_id in result.samples))
        chosen = ids if self.limit == "all" else evenly(ids, self.limit)
        passes = [passes_by_sample(result.responses, set(chosen)) for result in results]
        labels = [self.runs[result.run] for result in results]
        images = [{sample.id: sample.images for sample in of_run} for of_run in seen]
        for sample_id in chosen:
            scores: list[SampleScore | None] = [None] * len(self.runs)
            responses: list[tuple[Response, ...]] = [()] * len(self.runs)
            for result, own in zip(results, passes, strict=True):
                scores[result.run] = result.samples.get(sample_id)
                responses[result.run] = tuple(own.get(sample_id, ()))
            shown = captioned({label: of_run.get(sample_id) for label, of_run in zip(labels, images, strict=True)})
            sample = ShownSample(sample_id, references.get(sample_id), tuple(scores), tuple(responses), shown)
            self.shown.append((len(self.tasks), sample))
        categories = dict.fromkeys(_category(references.get(sample_id)) for sample_id in chosen)
        self.tasks.append(
            {
                "name": task.name,
                "title": task.title,
                "samples": len(ids),
                "shown": len(chosen),
                "scored": bool(task.metrics),  # False if references are held back
                "categories": list(categories),
            }
        )

    def index(self) -> dict[str, Any]:
        """The columns that filters and search use."""
        samples = [sample for _, sample in self.shown]
        categories = [{name: index for index, name in enumerate(task["categories"])} for task in self.tasks]
        return {
            "runs": self.runs,
            "tasks": self.tasks,
            "chunk": CHUNK,
            "task": [task for task, _ in self.shown],
            "category": [categories[task][_category(sample.sample)] for task, sample in self.shown],
            "id": [sample.id for sample in samples],
            "question": [sample.question for sample in samples],
            "reference": [sample.reference for sample in samples],
            "answer": [[joined_answers(sample.passes[run]) for sample in samples] for run in range(len(self.runs))],
            "parsed": [[_parsed_answer(sample.scores[run]) for sample in samples] for run in range(len(self.runs))],
            "score": [[_score(sample.scores[run]) for sample in samples] for run in range(len(self.runs))],
            "status": [[_status(sample.scores[run]) for sample in samples] for run in range(len(self.runs))],
        }

    def chunks(self) -> Iterator[dict[str, Any]]:
        """The chunks in order. Texts and images that samples of a chunk share are in it once."""
        starts = range(0, len(self.shown), CHUNK)
        groups = [[sample for _, sample in self.shown[start : start + CHUNK]] for start in starts]
        for samples, made in zip(groups, thumbnails(map(_images_of, groups)), strict=True):
            yield self._chunk(samples, made)

    def _chunk(self, samples: Sequence[ShownSample], made: Sequence[str]) -> dict[str, Any]:
        """A chunk's content; `made` are the thumbnails of its images."""
        images = {image: index for index, image in enumerate(_images_of(samples))}
        numbers = [self.images.setdefault(image, len(self.images)) for image in images]
        texts: dict[str, int] = {}

        def text_index(text: str) -> int:
            return texts.setdefault(text, len(texts))

        def asked(r: Response) -> list[Any]:
            return [text_index(r.prompt), text_index(r.instruction), r.text, r.error, r.tokens, round(r.seconds, 4)]

        entries = [
            {
                "images": [images[image] for image, _ in sample.images],
                "passes": [[asked(response) for response in responses] for responses in sample.passes],
            }
            | ({"captions": captions} if any(captions := [caption for _, caption in sample.images]) else {})
            for sample in samples
        ]
        return {"images": list(zip(made, numbers, strict=True)), "entries": entries, "texts": list(texts)}


def _images_of(samples: Sequence[ShownSample]) -> list[ImageSource]:
    """The samples' images, each once."""
    return list(dict.fromkeys(image for sample in samples for image, _ in sample.images))


def evenly(items: Sequence[str], limit: int) -> list[str]:
    """Up to `limit` of the items at even distances, beginning with the first."""
    if len(items) <= limit:
        return list(items)
    return [items[index * len(items) // limit] for index in range(limit)]


def captioned(seen: Mapping[str, Sequence[ImageSource] | None]) -> tuple[tuple[ImageSource, str], ...]:
    """Each image that a run showed with the labels of the runs that did, "" for all; None: the run had no such sample.

    Runs of one model show the same images; a variant of it (`ablate`) may have shown others, or none.
    """
    asked = {label: tuple(images[:MAX_IMAGES]) for label, images in seen.items() if images is not None}
    if len(asked) == 1:  # the usual case: comparing images takes longer
        return tuple((image, "") for images in asked.values() for image in images)
    if len(same := set(asked.values())) < 2:
        return tuple((image, "") for images in same for image in images)
    runs: dict[ImageSource, list[str]] = {}
    for label, images in asked.items():
        for image in dict.fromkeys(images):
            runs.setdefault(image, []).append(label)
    return tuple((image, "" if len(labels) == len(asked) else ", ".join(labels)) for image, labels in runs.items())


def passes_by_sample(responses: Mapping[Key, Response], ids: Set[str]) -> dict[str, list[Response]]:
    """Id of a sample, of those given -> its responses, in the order of the passes."""
    found: dict[str, list[Response]] = {}
    for response in responses.values():
        if response.sample_id in ids:
            found.setdefault(response.sample_id, []).append(response)
    for passes in found.values():
        passes.sort(key=lambda response: response.pass_index)
    return found


def _category(sample: Sample | None) -> str:
    return sample.category if sample else ""


def joined_answers(responses: Sequence[Response]) -> str | None:
    """The answers of all passes, joined by bars; the error of a failed one; None if the sample was not asked."""
    return " | ".join(r.text if r.text is not None else r.error or "" for r in responses) if responses else None


def _parsed_answer(score: SampleScore | None) -> str:
    return score.parsed_answer if score else ""


def _score(score: SampleScore | None) -> float | None:
    return round(score.score, 4) if score else None


def _status(score: SampleScore | None) -> int:
    return STATUSES.index(score.status) if score else NOT_ASKED
