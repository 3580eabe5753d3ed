"""The samples that are logged: a bounded number of each task, half of them wrong, the same in every session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from io import BytesIO
from pathlib import Path

from emma_eval.data.run_samples import as_seen, find_run_samples
from emma_eval.images.sources import ConcatenatedImage
from emma_eval.reports.html.browser import MAX_IMAGES, ShownSample, evenly, joined_answers, passes_by_sample
from emma_eval.reports.html.run_loader import FinishedRun, load_task_results
from emma_eval.reports.html.thumbnails import small_image
from emma_eval.results.judged import JUDGED_FOLDER, answered_run
from emma_eval.results.scores import TaskScores
from emma_eval.types import SampleScore
from emma_eval.utils.cpu import usable_cpus
from emma_eval.utils.text import replace_surrogates

IMAGE_SIDE = 512  # pixels of the longer side
JPEG_QUALITY = 90
RIGHT = 0.5  # a sample of this score or more is right


@dataclass(frozen=True, slots=True)
class SampleSource:
    """Where the logged samples come from, and how many of each task are logged."""

    data: Path | None = None  # the root of the benchmarks' files
    files: Mapping[str, Mapping[str, Path]] = field(default_factory=dict)  # task -> file key -> path, in their place
    limit: int = 100


@dataclass(frozen=True, slots=True)
class LoggedSample:
    """One row of the table of samples."""

    task: str
    id: str
    category: str
    image: bytes | None  # JPEG; several side by side; None without one, or if it can't be opened
    question: str  # with its options, a line each; without the benchmark's data the prompt
    answer: str  # of all passes, joined by bars; of a failed one the reason
    parsed_answer: str  # as the scorer read it
    reference: str
    score: float  # 0 to 1
    status: str  # answered, failed, missing


COLUMNS = tuple(field.name for field in fields(LoggedSample))


def logged_name(run: FinishedRun, task: TaskScores) -> str:
    """What a task is called in logs; of a judge's scores `judged/TASK-JUDGE-HASH`, the folder's name."""
    return task.name if answered_run(run.folder) == run.folder else f"{JUDGED_FOLDER}/{run.folder.name}"


def logged_samples(runs: Sequence[FinishedRun], source: SampleSource) -> Iterator[tuple[str, list[LoggedSample]]]:
    """Each task with a part of its samples, read when the task's turn comes."""
    tasks = [(run, task) for run in runs for task in run.scores.tasks]
    for run, task in tasks if source.limit else ():
        (results,) = load_task_results([run], task.name)
        found = find_run_samples([run.manifest], task.name, source.data, source.files.get(task.name))
        references = {sample.id: sample for sample in as_seen(run.manifest, task.name, found.samples)}
        names = choose(results.samples, source.limit)
        passes = passes_by_sample(results.responses, set(names))
        chosen = [
            ShownSample(name, references.get(name), (results.samples[name],), (tuple(passes.get(name, ())),))
            for name in names
        ]
        with ThreadPoolExecutor(usable_cpus()) as pool:
            images = pool.map(_image, chosen)
            name = logged_name(run, task)
            yield name, [_row(name, *pair) for pair in zip(chosen, images, strict=True)]


def choose(samples: Mapping[str, SampleScore], limit: int) -> list[str]:
    """Ids of up to `limit` samples, half wrong and half right if there are enough of both, at even distances."""
    wrong = [name for name, sample in samples.items() if sample.score < RIGHT]
    right = [name for name, sample in samples.items() if sample.score >= RIGHT]
    num_right = min(len(right), max(limit // 2, limit - len(wrong)))
    chosen = {*evenly(wrong, limit - num_right), *evenly(right, num_right)}
    return [name for name in samples if name in chosen]


def _row(task: str, shown: ShownSample, image: bytes | None) -> LoggedSample:
    (score,), (responses,) = shown.scores, shown.passes
    assert score is not None
    clean = replace_surrogates  # no service takes what UTF-8 cannot hold
    return LoggedSample(
        task=task,
        id=clean(shown.id),
        category=clean(shown.sample.category) if shown.sample else "",
        image=image,
        question=clean(question_with_options(shown)),
        answer=clean(joined_answers(responses) or ""),
        parsed_answer=clean(score.parsed_answer),
        reference=clean(shown.reference),
        score=score.score,
        status=score.status,
    )


def question_with_options(shown: ShownSample) -> str:
    """The question; options as lines `A. red` below it."""
    options: Sequence[str] = shown.sample.options if shown.sample else ()
    return "\n".join([shown.question, *(f"{chr(ord('A') + index)}. {text}" for index, text in enumerate(options))])


def _image(shown: ShownSample) -> bytes | None:
    images = shown.sample.images[:MAX_IMAGES] if shown.sample else ()
    if not images:
        return None
    small = small_image(images[0] if len(images) == 1 else ConcatenatedImage(images), IMAGE_SIDE)
    if small is None:
        return None
    data = BytesIO()
    small.save(data, "JPEG", quality=JPEG_QUALITY)
    return data.getvalue()
