"""The sample browser's data: an index of all shown samples to filter and search, and chunks of what a look needs.

The index is columns, a place a sample. A chunk holds the prompts and images of CHUNK samples in a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from emma_eval.reports.html.run_loader import STATUSES, TaskResults
from emma_eval.reports.html.thumbnails import thumbnails
from emma_eval.results.scores import TaskScores
from emma_eval.types import ImageSource, Response, Sample, SampleScore

CHUNK = 100
NOT_ASKED = 3
MAX_IMAGES = 8  # shown of one sample

Limit = int | Literal["all"]


@dataclass(frozen=True, slots=True)
class ShownSample:
    """One sample, its truth where that is known, and what each run made of it."""

    id: str
    sample: Sample | None
    scores: tuple[SampleScore | None, ...]  # a place a run; None where it was not asked
    passes: tuple[tuple[Response, ...], ...]  # of each run

    @property
    def question(self) -> str:
        """The question; where only the run folder is at hand, the prompt."""
        if self.sample:
            return self.sample.question
        return next((responses[0].prompt for responses in self.passes if responses), "")

    @property
    def reference(self) -> str:
        """The expected answers, each once: 'red', 'B. top left', 'yes (7 of 10), no (3 of 10)'."""
        if self.sample is None:
            return ""
        counts = Counter(self.sample.references)
        if len(counts) > 1:
            total = len(self.sample.references)
            return ", ".join(f"{answer} ({count} of {total})" for answer, count in counts.most_common())
        answer = next(iter(counts), "")
        place = ord(answer) - ord("A") if len(answer) == 1 else -1
        return f"{answer}. {self.sample.options[place]}" if 0 <= place < len(self.sample.options) else answer


@dataclass(slots=True)
class SampleBrowser:
    """Grows by tasks; gives the index and the chunks."""

    runs: tuple[str, ...]
    limit: Limit
    tasks: list[dict[str, Any]] = field(default_factory=list)
    shown: list[tuple[int, ShownSample]] = field(default_factory=list)  # (number of the task, sample)

    def add(self, task: TaskScores, records: Sequence[TaskResults], truths: Mapping[str, Sample]) -> None:
        """Take up a task's samples, `limit` of them at even distances, so that every category has its share."""
        ids = list(dict.fromkeys(identity for record in records for identity in record.samples))
        chosen = ids if self.limit == "all" else evenly(ids, self.limit)
        passes = [_passes(record.responses) for record in records]
        for identity in chosen:
            scores: list[SampleScore | None] = [None] * len(self.runs)
            responses: list[tuple[Response, ...]] = [()] * len(self.runs)
            for record, own in zip(records, passes, strict=True):
                scores[record.run] = record.samples.get(identity)
                responses[record.run] = tuple(own.get(identity, ()))
            sample = ShownSample(identity, truths.get(identity), tuple(scores), tuple(responses))
            self.shown.append((len(self.tasks), sample))
        categories = dict.fromkeys(_category(truths.get(identity)) for identity in chosen)
        self.tasks.append(
            {
                "name": task.name,
                "title": task.title,
                "samples": len(ids),
                "shown": len(chosen),
                "scored": bool(task.metrics),  # not where the truth is held back
                "categories": list(categories),
            }
        )

    def index(self) -> dict[str, Any]:
        """What filters and search work on."""
        samples = [sample for _, sample in self.shown]
        categories = [{name: place for place, name in enumerate(task["categories"])} for task in self.tasks]
        return {
            "runs": self.runs,
            "tasks": self.tasks,
            "chunk": CHUNK,
            "task": [task for task, _ in self.shown],
            "category": [categories[task][_category(one.sample)] for task, one in self.shown],
            "id": [one.id for one in samples],
            "question": [one.question for one in samples],
            "truth": [one.reference for one in samples],
            "answer": [[_answer(one.passes[run]) for one in samples] for run in range(len(self.runs))],
            "read": [[_read_as(one.scores[run]) for one in samples] for run in range(len(self.runs))],
            "credit": [[_credit(one.scores[run]) for one in samples] for run in range(len(self.runs))],
            "status": [[_status(one.scores[run]) for one in samples] for run in range(len(self.runs))],
        }

    def chunks(self) -> Iterator[dict[str, Any]]:
        """The rest, chunk after chunk; texts and images that samples share are held once."""
        for start in range(0, len(self.shown), CHUNK):
            yield _chunk([sample for _, sample in self.shown[start : start + CHUNK]])


def evenly(items: Sequence[str], most: int) -> list[str]:
    """At most so many of the items, at even distances, the first one among them."""
    if len(items) <= most:
        return list(items)
    return [items[place * len(items) // most] for place in range(most)]


def _chunk(samples: Sequence[ShownSample]) -> dict[str, Any]:
    images = {image: place for place, image in enumerate(dict.fromkeys(i for one in samples for i in _images(one)))}
    small = thumbnails(images)
    texts: dict[str, int] = {}

    def numbered(text: str) -> int:
        return texts.setdefault(text, len(texts))

    entries = [
        {
            "images": [images[image] for image in _images(one)],
            "passes": [
                [
                    [numbered(r.prompt), numbered(r.instruction), r.text, r.error, r.tokens, round(r.seconds, 4)]
                    for r in responses
                ]
                for responses in one.passes
            ],
        }
        for one in samples
    ]
    return {"images": [small[image] for image in images], "entries": entries, "texts": list(texts)}


def _images(shown: ShownSample) -> Sequence[ImageSource]:
    return shown.sample.images[:MAX_IMAGES] if shown.sample else ()


def _passes(responses: Mapping[tuple[str, int], Response]) -> dict[str, list[Response]]:
    found: dict[str, list[Response]] = {}
    for _, response in sorted(responses.items(), key=lambda item: item[0][1]):
        found.setdefault(response.sample_id, []).append(response)
    return found


def _category(sample: Sample | None) -> str:
    return sample.category if sample else ""


def _answer(responses: Sequence[Response]) -> str | None:
    """What was answered, several passes' answers with bars between; the error where there is none."""
    return " | ".join(r.text if r.text is not None else r.error or "" for r in responses) if responses else None


def _read_as(score: SampleScore | None) -> str:
    return score.parsed_answer if score else ""


def _credit(score: SampleScore | None) -> float | None:
    return round(score.score, 4) if score else None


def _status(score: SampleScore | None) -> int:
    return STATUSES.index(score.status) if score else NOT_ASKED
