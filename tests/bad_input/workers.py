"""Examine many inputs in processes of their own, which a hang or a crash may end: others go on."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from tests.bad_input.examine import examine, limit_memory
from tests.bad_input.outcome import Outcome, Verdict
from tests.bad_input.registry import load_target

START_SECONDS = 300  # imports, and what `prepare` makes
PAUSE_SECONDS = 3.0  # counted at most between two looks, which are a second apart
GRACE_SECONDS = 30  # after which a worker hangs in a way that no signal ends


@dataclass(frozen=True)
class Result:
    """One examined input."""

    target: str
    number: int
    verdict: Verdict


def examine_all(target: str, numbers: Sequence[int], seed: int, workers: int) -> Iterator[Result]:
    """Yield the result of every input, in any order, each examined once."""
    shares = [list(numbers[place::workers]) for place in range(workers)]
    running = [_Worker(target, share, seed) for share in shares if share]
    while running:
        wait([worker.results for worker in running], timeout=1.0)
        for worker in list(running):
            yield from worker.take()
            if not worker.left:
                worker.stop()
                running.remove(worker)


class _Worker:
    """A process that examines its share, and is started again where it has died or fallen silent."""

    def __init__(self, target: str, numbers: list[int], seed: int) -> None:
        self.target, self.left, self.seed = target, numbers, seed
        self.seconds = load_target(target).seconds
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.results, sending = context.Pipe(duplex=False)
        self.process: BaseProcess = context.Process(
            target=_serve, args=(self.target, self.left, self.seed, sending), daemon=True
        )
        self.process.start()
        sending.close()
        self.looked, self.silence, self.is_ready = time.monotonic(), 0.0, False

    def take(self) -> Iterator[Result]:
        """What has come; a result for the input at which the process has ended or hangs."""
        try:
            while self.results.poll():
                message = self.results.recv()
                self.silence, self.is_ready = 0.0, True
                if isinstance(message, Result):
                    self.left.remove(message.number)
                    yield message
        except EOFError:
            self.process.join()
            if self.left:
                yield self._lost(Outcome.TRACEBACK, f"the process ended with {self.process.exitcode}")
            return
        now = time.monotonic()
        self.silence += min(now - self.looked, PAUSE_SECONDS)  # more: this process itself was stopped for a while
        self.looked, silence = now, self.silence
        if silence > (2 * self.seconds + GRACE_SECONDS if self.is_ready else START_SECONDS):
            self.process.kill()
            yield self._lost(Outcome.HANG, f"nothing for {silence:.0f} s, and no signal ends it")

    def _lost(self, outcome: Outcome, detail: str) -> Result:
        if not self.is_ready:
            raise RuntimeError(f"{self.target}: the worker did not start: {detail}")
        result = Result(self.target, self.left.pop(0), Verdict(outcome, detail))
        self.results.close()
        if self.left:
            self._start()
        return result

    def stop(self) -> None:
        """End the process, which has nothing left to do."""
        self.process.join(timeout=10)
        self.process.kill()


def _serve(name: str, numbers: Sequence[int], seed: int, results: Connection) -> None:
    _be_quiet()
    target = load_target(name)
    with tempfile.TemporaryDirectory(prefix="bad-input-") as folder:
        state = target.prepare(Path(folder))
        results.send("ready")
        limit_memory()
        for number in numbers:
            results.send(Result(name, number, examine(target, state, seed, number)))


def _be_quiet() -> None:
    """Send what is printed, by libraries written in C too, to nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
