"""Bytes changed and files cut, at random places: data, images, checkpoints, records."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults.process import WrongError
from tests.faults.subject import Subject
from tests.faults.subjects import BUILT_IN, JUDGE, MERGE, MINI, ONE, PARQUET
from tests.faults.trial import Case, Trial

Harm = Callable[[Path, random.Random], None]


def change_byte(path: Path, rng: random.Random) -> None:
    """Another value for a byte."""
    content = bytearray(path.read_bytes())
    place = rng.randrange(len(content))
    content[place] ^= rng.randrange(1, 256)
    path.write_bytes(content)


def cut(path: Path, rng: random.Random) -> None:
    """Nothing from a byte on, as after a power cut or half a download."""
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(len(content))])


HARMS: tuple[tuple[str, Harm], ...] = (("byte", change_byte), ("cut", cut))
BETWEEN: tuple[tuple[str, Subject, str, int], ...] = (  # kind, command, file, how often each harm
    ("JSON line damaged", ONE, "{data}/files/rows.jsonl", 2),
    ("Parquet file damaged", PARQUET, "{data}/set/data/test-00000-of-00001.parquet", 3),
    ("weights damaged", BUILT_IN, "{data}/models/tiny-emma/*.safetensors", 1),
    ("record damaged", ONE, "{out}/responses/quiz.jsonl", 4),
    ("record damaged", MERGE, "{data}/shard-1/responses/quiz.jsonl", 2),
    ("record damaged", JUDGE, "{out}/judged/*/verdicts.jsonl", 3),
    ("manifest damaged", ONE, "{out}/manifest.json", 3),
)
AFTER = ("scores.json", "samples/quiz.jsonl", "statistics/quiz.json", "leaderboard.md", "run.lock")


def cases() -> Iterator[Case]:
    """Each file, each harm."""
    for kind, subject, path, count in BETWEEN:
        for name, harm in HARMS:
            for number in range(1, count + 1):
                yield Case(kind, subject, f"{name} {number}", damaged(path, harm))
    for name in AFTER:
        for harm_name, harm in HARMS:
            yield Case("result damaged", ONE, f"{name.partition('/')[0]} {harm_name}", damaged_result(name, harm))
    for name, harm in HARMS:
        yield Case("image damaged", ONE, name, damaged_image(harm))
        yield Case("cache damaged", MINI, name, damaged_cache(harm))


def damaged(where: str, harm: Harm) -> Callable[[Trial], None]:
    """A case: a file is damaged between two sessions."""

    def act(trial: Trial) -> None:
        if trial.subject is not MERGE:
            trial.interrupt()
        pattern = where.format(data=trial.data, out=trial.folder)
        found = trial.rng.choice(sorted(Path("/").glob(pattern.lstrip("/"))))
        whole = found.read_bytes()
        harm(found, trial.rng)
        trial.refused_or_whole(lambda: found.write_bytes(whole))

    return act


def damaged_result(name: str, harm: Harm) -> Callable[[Trial], None]:
    """A case: a file that a finished run has written is damaged; the same command writes it again."""

    def act(trial: Trial) -> None:
        trial.ended(trial.start().finish(), 0)
        harm(trial.folder / name, trial.rng)
        trial.again()

    return act


def damaged_image(harm: Harm) -> Callable[[Trial], None]:
    """A case: an image is damaged. Its samples fail with a reason, unless it opens all the same."""

    def act(trial: Trial) -> None:
        image = trial.data / "files/img/3.png"
        whole = image.read_bytes()
        harm(image, trial.rng)
        ended = trial.ended(trial.start().finish(), 0, 1)
        if ended.code:
            trial.require_line(ended, "3.png")
        image.write_bytes(whole)
        trial.mended("--retry-failed")

    return act


def damaged_cache(harm: Harm) -> Callable[[Trial], None]:
    """A case: a file of the shipped suite is damaged in the cache."""

    def act(trial: Trial) -> None:
        cache = trial.case / "cache"
        trial.environment["EMMA_CACHE"] = str(cache)
        trial.interrupt()
        files = sorted(path for path in cache.rglob("*") if path.is_file() and path.stat().st_size)
        if not files:
            raise WrongError("nothing is in the cache")
        harm(trial.rng.choice(files), trial.rng)
        ended = trial.ended(trial.start().finish(), 0, 1, 2)
        if ended.code:
            shutil.rmtree(cache)
        trial.mended("--retry-failed")

    return act
