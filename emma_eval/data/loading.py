"""A task's samples: local official files where they are, else the hub; selected, counted and cut to the limit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.data.hub.snapshot import Split, brought, fetched_splits
from emma_eval.errors import UserError
from emma_eval.images.sources import ImageFile
from emma_eval.registry import look_up
from emma_eval.tasks.reader import Reader, ReadRows, get_reader
from emma_eval.types import Sample
from emma_eval.utils.files import find_file, register_data_root, require_inside_data_root
from emma_eval.utils.gc_utils import gc_paused
from emma_eval.utils.text import did_you_mean

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
    """The task's samples in the benchmark's order: from local files, or from the hub when none of them is there.

    What `data fetch` has brought from the hub goes before an incomplete set of local files.

    `files` (key -> path) go before those below `data_root`. `need_images` also asks for the image folders, which
    scoring can do without. Raises UserError: nothing found, content that does not fit, no sample in it, or another
    number of samples than the task expects (unless `limit` or `allow_partial`).
    """
    reader = get_reader(task.reader, task.columns)
    found, missing = locate_files(task, data_root, files)
    absent = {key: (data_root or Path()) / task.files[key][0] for key in missing if key in reader.folders}
    needed = [text for key, text in missing.items() if key not in absent or (need_images and not found)]
    with gc_paused():
        fetched = fetched_for(task, data_root, found, missing)
        if needed or (fetched and missing):
            samples = _from_hub(task, data_root, bool(found), bool(fetched), _missing_message(task, needed, data_root))
        else:
            samples = reader.read_files(absent | found)
    if task.select:
        samples = [sample for sample in samples if all(sample.meta.get(k) == v for k, v in task.select.items())]
    if not samples:
        sources = [str(path) for key, path in found.items() if key not in reader.folders]
        sources = sources or [task.hub.id if task.hub else "its data"]
        raise UserError(f"task {task.name}: none of its samples is in {', '.join(sources)}")
    _require_unique_ids(task, reader, samples)
    if need_images and absent and (used := _folders_of(samples, absent)):
        raise UserError(_missing_message(task, [missing[key] for key in used], data_root))
    if limit is None and not allow_partial and not task.expected.allows(len(samples)):
        raise UserError(
            f"task {task.name}: {len(samples):,} samples were read, {task.expected.in_words} are expected; "
            "complete the data, or have `run` or `score` take them with --allow-partial"
        )
    return samples[:limit]


def _require_unique_ids(task: TaskConfig, reader: Reader, samples: list[Sample]) -> None:
    """Raise UserError for two samples of one id: an answer is found by it, so one of them would get the other's."""
    if len({sample.id for sample in samples}) == len(samples):
        return
    asked: dict[str, Sample] = {}
    for number, sample in enumerate(samples):
        first = asked.setdefault(sample.id, sample)
        same = (first.question, first.images) == (sample.question, sample.images)
        if first is not sample and not (reader.repeats and same):
            count = sum(other.id == sample.id for other in samples)
            raise UserError(
                f"task {task.name}: the sample id {sample.id!r} occurs {count} times in its data, again as sample "
                f"{number} (from 0); an answer is found by its id, so each must have its own"
            )


def load_local(
    task: TaskConfig, root: Path | None, *, need_images: bool = False, allow_partial: bool = False
) -> list[Sample]:
    """As load_samples, all of them and from this machine alone: official files, or what `data fetch` has brought."""
    fetched = fetched_for(task, root, *locate_files(task, root))
    local = task if fetched else task.model_copy(update={"hub": None})
    return load_samples(local, root, need_images=need_images, allow_partial=allow_partial)


def fetched_for(
    task: TaskConfig, root: Path | None, found: Mapping[str, Path], missing: Mapping[str, str]
) -> list[Split]:
    """What `data fetch` has brought and the task reads, given what locate_files says.

    Raises UserError where it is not whole.
    """
    return fetched_splits(root, task.hub) if missing or brought(root, task.hub, found) else []


def on_hub(task: TaskConfig) -> bool:
    """Whether `data fetch` can bring it."""
    return row_reader(task) is not None or bool(task.hub and task.hub.files)


def row_reader(task: TaskConfig) -> ReadRows | None:
    """What reads the hub's rows: `table` where the task tells their columns, else its own reader, if it can."""
    if task.hub is None or task.hub.files:
        return None
    reader = (
        get_reader(task.reader, task.columns) if task.hub.columns is None else get_reader("table", task.hub.columns)
    )
    return reader.read_rows


def _from_hub(task: TaskConfig, root: Path | None, found: bool, fetched: bool, missing: str) -> list[Sample]:
    """The hub's samples, fetched ones if there are.

    Raises UserError `missing` when some files are found, but none was fetched: two sources are not mixed.
    """
    read_rows = row_reader(task)
    if task.hub is None or read_rows is None or (found and not fetched):
        raise UserError(missing)
    from emma_eval.data.hub.dataset import hub_rows

    try:
        return read_rows(task.hub.id, hub_rows(task.hub, root))
    except UserError as error:
        if fetched:
            raise
        raise UserError(f"{missing}; and from the hub: {error}") from error


def _folders_of(samples: list[Sample], folders: Mapping[str, Path]) -> list[str]:
    """The keys of the folders that images of the samples are in: a selection may leave some unused."""
    used = {image.folder for sample in samples for image in sample.images if isinstance(image, ImageFile)}
    return [key for key, folder in folders.items() if folder in used]


def locate_files(
    task: TaskConfig, data_root: Path | None, files: Mapping[str, Path] | None = None
) -> tuple[dict[str, Path], dict[str, str]]:
    """(key -> path that exists, key -> where it was looked for), below the task's suite or else `data_root`.

    Raises UserError for a root that is no folder, and for a key or path in `files` that does not exist.
    """
    root = look_up("suites", task.suite)() if task.suite else data_root
    if root is not None:
        if not root.is_dir():
            raise UserError(f"{root}: no such folder (the data root)")
        register_data_root(root)
    found = _given(task, get_reader(task.reader, task.columns), files or {})
    missing: dict[str, str] = {}
    for key, alternatives in task.files.items():
        if key in found:
            continue
        paths = [find_file(root / name) for name in alternatives] if root else []
        hit = next(filter(None, paths), None)
        if hit:
            require_inside_data_root(hit)
            found[key] = hit
        else:
            missing[key] = f"{key}: {' or '.join(alternatives)}"
    return found, missing


def _given(task: TaskConfig, reader: Reader, files: Mapping[str, Path]) -> dict[str, Path]:
    found = {}
    for key, path in files.items():
        if key not in reader.keys:
            raise UserError(f"task {task.name} has no file {key!r}{did_you_mean(key, reader.keys)}")
        hit = find_file(path)
        if hit is None:
            raise UserError(f"{path}: no such file (given as {key!r} of task {task.name})")
        found[key] = hit
    return found


def _missing_message(task: TaskConfig, needed: list[str], data_root: Path | None) -> str:
    place = f"below {data_root}" if data_root else "as no --data ROOT was given"
    source = f"; get them from {task.homepage}" if task.homepage else ""
    if task.hub and task.hub.files:
        source += f" or with `data fetch {task.name}`"
    return f"task {task.name}: data not found {place}: {'; '.join(needed)} (a .gz twin will do){source}"
