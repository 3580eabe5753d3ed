"""Full disks: a small file system of its own that fills at a moment, and a limit on the size of a file."""

from __future__ import annotations

import resource
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from tests.faults.subject import Subject
from tests.faults.subjects import BUILT_IN, JUDGE, MERGE, MINI, ONE, RAY, REPLICAS, REPORT, SERVER, VLLM
from tests.faults.trial import Case, Trial

FILLER = "filler"
LARGEST_FILE = 2500  # bytes
FULL = "the disk is full"
MOMENTS: tuple[tuple[Subject, str, float | None], ...] = (
    (ONE, "loading", 0.5),
    (ONE, "generation", None),
    (ONE, "generation", None),
    (ONE, "scoring", None),
    (ONE, "leaderboard", 0.2),
    (BUILT_IN, "generation", None),
    (REPLICAS, "generation", None),
    (SERVER, "generation", None),
    (JUDGE, "generation", 0.5),
    (JUDGE, "scoring", 0.0),
    (MERGE, "generation", None),
    (REPORT, "leaderboard", 0.0),
    (VLLM, "generation", None),
    (RAY, "generation", None),
)


def cases() -> Iterator[Case]:
    """A full disk, and a file that may not grow."""
    for number, (subject, phase, part) in enumerate(MOMENTS, 1):
        yield Case("disk full", subject, f"{phase} {number}", full_disk(phase, part), missing=no_mount())
    yield Case("disk full", MINI, "cache", full_cache, missing=no_mount())
    for subject in (ONE, JUDGE):
        yield Case("file size limit", subject, "generation", limited_file)


@cache
def no_mount() -> str:
    """Why no small file system can be had; empty where one can."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder)):
                return ""
        except (OSError, subprocess.CalledProcessError):
            return "no file system can be mounted here (only root can)"


@contextmanager
def small_disk(folder: Path, size: str = "1m") -> Iterator[Path]:
    """A file system of this size over the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    """Write a file until nothing more fits."""
    path = folder / FILLER
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(1000)):
            pass
    return path


def written_folder(trial: Trial) -> Path:
    """The folder that the command writes to, where it is not that of its data."""
    return trial.folder / "judged" if trial.subject is JUDGE else trial.folder


def full_disk(phase: str, part: float | None) -> Callable[[Trial], None]:
    """A case: the disk fills in a phase."""

    def act(trial: Trial) -> None:
        with small_disk(written_folder(trial)) as disk:
            child = trial.stop_at(trial.at(phase, part))
            filler = fill(disk)
            child.go()
            trial.ended(child.finish(), 2, says=FULL)
            before = trial.records()
            filler.unlink()
            if trial.subject is MERGE:
                trial.require_empty()
            trial.again()
            trial.require_kept({} if trial.subject is MERGE else before)

    return act


def full_cache(trial: Trial) -> None:
    """The shipped suite is unpacked into a cache on a full disk."""
    with small_disk(trial.case / "cache", "64k") as disk:
        trial.environment["EMMA_CACHE"] = str(disk)
        trial.ended(trial.start().finish(), 2, says=FULL)
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        trial.again()


def limited_file(trial: Trial) -> None:
    """A file may have no more than a few thousand bytes: `ulimit -f`, a quota on some systems."""
    child = trial.stop_at(trial.at("generation", 0.0))
    resource.prlimit(child.process.pid, resource.RLIMIT_FSIZE, (LARGEST_FILE, resource.RLIM_INFINITY))
    child.go()
    trial.ended(child.finish(), 2, says="a file is larger than is allowed")
    trial.again()
