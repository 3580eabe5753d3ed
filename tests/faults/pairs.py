"""Two processes on one folder, and on one cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.faults.process import WrongError
from tests.faults.subjects import BUILT_IN, JUDGE, MERGE, MINI, ONE, PARQUET, RAY, REPLICAS, VLLM
from tests.faults.trial import Case, Trial

BUSY = "is being written by process"


def cases() -> Iterator[Case]:
    """One is stopped at a moment, and meanwhile the other runs."""
    for subject in (ONE, BUILT_IN, REPLICAS, JUDGE, VLLM, RAY):
        yield Case("two on one folder", subject, "generation", same_folder("generation"))
    yield Case("two on one folder", ONE, "scoring", same_folder("scoring"))
    yield Case("two on one folder", MERGE, "generation", same_output)
    for subject, phase, part in ((MINI, "planning", 0.1), (MINI, "planning", 0.9), (PARQUET, "planning", 0.5)):
        yield Case("two on one cache", subject, f"{phase} {part}", same_cache(phase, part))


def same_folder(phase: str) -> Callable[[Trial], None]:
    """A case: the second is refused, the first ends as if nothing had been."""

    def act(trial: Trial) -> None:
        first = trial.stop_at(trial.at(phase))
        before = trial.records()
        second = trial.ended(trial.start().finish(), 2, says=BUSY)
        if f"process {first.process.pid} " not in second.err:
            raise WrongError(f"it names another process than {first.process.pid}: {second.last_line}")
        trial.require_kept(before)
        first.go()
        said = trial.said
        trial.ended(first.finish(), 0)
        trial.said = said
        trial.require_whole()

    return act


def same_output(trial: Trial) -> None:
    """Two `merge` to one place: the shards are locked by the first."""
    first = trial.stop_at(trial.at("generation"))
    trial.ended(trial.start().finish(), 2, says=BUSY)
    first.go()
    said = trial.said
    trial.ended(first.finish(), 0)
    trial.said = said
    trial.require_whole()


def same_cache(phase: str, part: float) -> Callable[[Trial], None]:
    """A case: both find an empty cache and fill it; the folders that they write are two."""

    def act(trial: Trial) -> None:
        cache = str(trial.case / "cache")
        trial.environment |= {"EMMA_CACHE": cache, "HF_HOME": cache}
        first = trial.stop_at(trial.at(phase, part))
        trial.extra = ("--output", str(trial.case / "second"))  # the last --output counts
        second = trial.start()
        try:
            ended = second.process.wait(20)
        except Exception:  # it waits for the first, which fills the cache
            ended = None
        first.go()
        trial.ended(first.finish(), 0)
        trial.ended(second.finish(), 0)
        trial.extra = ()
        trial.require_whole()
        trial.require_same(trial.case / "second")
        trial.said = "the second waits for the first" if ended is None else ""

    return act
