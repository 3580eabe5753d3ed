"""A task's samples: from official files where they exist, else from the hub; selected, counted, cut to the limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.data.location import DataLocation, locate_data
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageFile
from emma_eval.tasks.reader import ReadRows, get_reader
from emma_eval.types import Sample
from emma_eval.utils.gc_utils import gc_paused

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig


def load_samples(  # noqa: PLR0913 (five named choices, each of its own)
    task: TaskConfig,
    data_root: Path | None = None,
    *,
    files: Mapping[str, Path] | None = None,
    limit: int | None = None,
    allow_partial: bool = False,
    need_images: bool = False,
) -> list[Sample]:
    """Find the task's data and read its samples: `locate_data`, then `read_samples`, whose errors it raises."""
    location = locate_data(task, data_root, files)
    return read_samples(location, limit=limit, allow_partial=allow_partial, need_images=need_images)


def read_samples(
    location: DataLocation, *, limit: int | None = None, allow_partial: bool = False, need_images: bool = False
) -> list[Sample]:
    """The task's samples in the benchmark's order: from local files, or from the hub when none of them exists.

    A snapshot that `data fetch` has downloaded goes before an incomplete set of local files. `need_images` also asks
    for the image folders, which scoring can do without. Raises UserError: nothing found, content that does not fit, no
    sample in it, or another number of samples than the task expects (unless `limit` or `allow_partial`).
    """
    task = location.task
    with gc_paused():
        samples = _read_all(location, need_images)
    if task.select:
        samples = [sample for sample in samples if all(sample.meta.get(k) == v for k, v in task.select.items())]
    _require_some(location, samples)
    _require_unique_ids(location, samples)
    if need_images:
        _require_image_folders(location, samples)
    if limit is None and not allow_partial and not task.expected.allows(len(samples)):
        raise UserError(
            f"task {task.name}: {len(samples):,} samples were read, {task.expected.in_words} are expected; "
            "complete the data, or have `run` or `score` take them with --allow-partial"
        )
    return samples[:limit]


def read_local_samples(
    location: DataLocation, *, need_images: bool = False, allow_partial: bool = False
) -> list[Sample]:
    """As read_samples, all of them, and never from the network: official files, or a downloaded snapshot."""
    if not location.snapshot:
        location = replace(location, task=location.task.model_copy(update={"hub": None}))
    return read_samples(location, need_images=need_images, allow_partial=allow_partial)


def row_reader(task: TaskConfig) -> ReadRows | None:
    """What reads the hub's rows: `table` where the task names their columns, else its own reader, if it can."""
    if task.hub is None or task.hub.files:
        return None
    reader = (
        get_reader(task.reader, task.columns) if task.hub.columns is None else get_reader("table", task.hub.columns)
    )
    return reader.read_rows


def _read_all(location: DataLocation, need_images: bool) -> list[Sample]:
    """All samples of the source that `read_samples` describes, before any check."""
    absent = location.absent_folders()
    needed = [key for key in location.missing if key not in absent or (need_images and not location.files)]
    if needed or (location.snapshot and location.missing):
        return _read_hub_rows(location, needed)
    return location.reader.read_files(absent | dict(location.files))


def _read_hub_rows(location: DataLocation, needed: Sequence[str]) -> list[Sample]:
    """The hub's samples, those of the downloaded snapshot if there is one.

    Raises UserError for the files needed when some others exist and there is no snapshot: two sources are not mixed.
    """
    task = location.task
    read_rows = row_reader(task)
    if task.hub is None or read_rows is None or (location.files and not location.snapshot):
        raise location.missing_error(needed)
    from emma_eval.data.hub.dataset import hub_rows

    try:
        return read_rows(task.hub.id, hub_rows(task.hub, location.root, location.snapshot))
    except UserError as error:
        if location.snapshot:
            raise
        raise UserError(f"{location.missing_error(needed)}; and from the hub: {error}") from error


def _require_some(location: DataLocation, samples: Sequence[Sample]) -> None:
    """Raise UserError when no sample is left."""
    if samples:
        return
    task, folders = location.task, location.reader.folders
    sources = [str(path) for key, path in location.files.items() if key not in folders]
    sources = sources or [task.hub.id if task.hub else "its data"]
    raise UserError(f"task {task.name}: none of its samples is in {', '.join(sources)}")


def _require_unique_ids(location: DataLocation, samples: Sequence[Sample]) -> None:
    """Raise UserError for two samples of one id: an answer is found by it, so one of them would get the other's."""
    if len({sample.id for sample in samples}) == len(samples):
        return
    firsts: dict[str, Sample] = {}
    repeats = location.reader.repeats
    for index, sample in enumerate(samples):
        first = firsts.setdefault(sample.id, sample)
        same = (first.question, first.images) == (sample.question, sample.images)
        if first is not sample and not (repeats and same):
            count = sum(other.id == sample.id for other in samples)
            raise UserError(
                f"task {location.task.name}: the sample id {sample.id!r} occurs {count} times in its data, again as "
                f"sample {index} (from 0); an answer is found by its id, so each must have its own"
            )


def _require_image_folders(location: DataLocation, samples: Sequence[Sample]) -> None:
    """Raise UserError for absent image folders that samples point into: a selection may leave some unused."""
    absent = location.absent_folders()
    if not absent:
        return
    used = {image.folder for sample in samples for image in sample.images if isinstance(image, ImageFile)}
    if keys := [key for key, folder in absent.items() if folder in used]:
        raise location.missing_error(keys)
