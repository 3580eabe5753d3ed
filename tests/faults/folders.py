"""Folders that vanish under a command, and files that it may not read or write."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.process import WrongError
from tests.faults.subjects import BUILT_IN, JUDGE, MERGE, MINI, ONE, PARQUET, RAY, REPLICAS, REPORT, SERVER, VLLM
from tests.faults.trial import Case, Trial

# Root may read everything. Without these capabilities it is like any other user, and the files are still its own.
CAPABILITIES = "-dac_override,-dac_read_search"
DENIED = "Permission denied"


def cases() -> Iterator[Case]:
    """Removed: data, run folder, cache. Unreadable: data, image, checkpoint, records, manifest, folders."""
    for subject in (ONE, BUILT_IN, REPLICAS, SERVER, VLLM, RAY):
        yield Case("data folder removed", subject, "generation", data_removed)
    for subject, phase in ((ONE, "loading"), (ONE, "generation"), (ONE, "scoring"), (REPLICAS, "generation")):
        yield Case("run folder removed", subject, phase, run_folder_removed(phase))
    for subject in (JUDGE, VLLM, RAY):
        yield Case("run folder removed", subject, "generation", run_folder_removed("generation"))
    for phase in ("planning", "generation"):
        yield Case("cache folder removed", MINI, phase, cache_removed(phase))
    missing = why_not_unreadable()
    first = (
        (ONE, "{data}/files/rows.jsonl"),
        (ONE, "{data}/tasks/quiz.yaml"),
        (PARQUET, "{data}/set/data/test-00000-of-00001.parquet"),
        (BUILT_IN, "{data}/models/tiny-emma"),
        (MERGE, "{data}/shard-1/manifest.json"),
        (REPORT, "{data}/finished/scores.json"),
        (JUDGE, "{data}/mmvet/mm-vet/mm-vet.json"),
    )
    for subject, path in first:
        yield Case("unreadable", subject, path.rpartition("/")[2], unreadable(path), missing)
    for subject, path in (
        (ONE, "{out}/manifest.json"),
        (ONE, "{out}/responses/quiz.jsonl"),
        (ONE, "{out}"),
        (JUDGE, "{out}/responses/mmvet.jsonl"),
    ):
        yield Case("unreadable", subject, path.rpartition("/")[2].strip("{}"), unreadable(path, second=True), missing)
    yield Case("unreadable", ONE, "image", unreadable_image, missing)
    yield Case("unreadable", MINI, "cache", unreadable_cache, missing)


def data_removed(trial: Trial) -> None:
    """The questions are read already; the images of what is still to be asked are gone."""
    child = trial.stop_at(trial.at("generation", 0.2))
    moved = trial.data / "elsewhere"
    (trial.data / "files").rename(moved)
    child.go()
    trial.ended(child.finish(), 0, 1, 2)
    before = trial.records()
    moved.rename(trial.data / "files")
    trial.mended("--retry-failed")
    trial.require_kept(before)


def run_folder_removed(phase: str) -> Callable[[Trial], None]:
    """A case: the folder that the command writes is removed."""

    def act(trial: Trial) -> None:
        child = trial.stop_at(trial.at(phase, 0.5))
        shutil.rmtree(trial.folder / "judged" if trial.subject is JUDGE else trial.folder)
        child.go()
        trial.ended(child.finish(), 2, says="is gone")
        trial.again()

    return act


def cache_removed(phase: str) -> Callable[[Trial], None]:
    """A case: the cache, with the shipped suite in it, is removed."""

    def act(trial: Trial) -> None:
        trial.environment["EMMA_CACHE"] = str(trial.case / "cache")
        child = trial.stop_at(trial.at(phase, 0.3))
        shutil.rmtree(trial.case / "cache", ignore_errors=True)
        child.go()
        trial.ended(child.finish(), 0, 1, 2)
        trial.mended("--retry-failed")

    return act


def why_not_unreadable() -> str:
    """Why no file can be made unreadable here."""
    return "root reads everything, and there is no setpriv" if os.getuid() == 0 and not shutil.which("setpriv") else ""


@contextmanager
def denied(trial: Trial, path: Path) -> Iterator[None]:
    """Nobody can read the path meanwhile, and the command's process has no more rights than a user."""
    if os.getuid() == 0:
        trial.prefix = ("setpriv", "--inh-caps", CAPABILITIES, "--bounding-set", CAPABILITIES)
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        yield
    finally:
        path.chmod(mode)
        trial.prefix = ()


def unreadable(where: str, second: bool = False) -> Callable[[Trial], None]:
    """A case: a file or folder that cannot be read, from the first session on or in the `second`."""

    def act(trial: Trial) -> None:
        if second and trial.subject is not JUDGE:
            trial.interrupt()
        path = Path(where.format(data=trial.data, out=trial.folder))
        with denied(trial, path):
            trial.ended(trial.start().finish(), 2, says=DENIED)
            if path.name not in trial.said:
                raise WrongError(f"it does not name {path.name}: {trial.said}")
        trial.again()

    return act


def unreadable_image(trial: Trial) -> None:
    """An image costs its two samples, and no more."""
    with denied(trial, trial.data / "files/img/3.png"):
        ended = trial.ended(trial.start().finish(), 1)
        trial.require_line(ended, "3.png", DENIED)
    trial.mended("--retry-failed")


def unreadable_cache(trial: Trial) -> None:
    """The cache of another user."""
    cache = trial.case / "cache"
    cache.mkdir()
    trial.environment["EMMA_CACHE"] = str(cache)
    with denied(trial, cache):
        trial.ended(trial.start().finish(), 2, says=DENIED)
    trial.again()
