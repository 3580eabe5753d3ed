"""Replicas as processes of this machine, each at the other end of a socket."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from emma_eval.inference.replicas.fleet import Died, Finished, Message, ReplicaJob
from emma_eval.inference.replicas.worker import GRACE_SECONDS, Beat, Cancel, Lease, Order
from emma_eval.utils.text import format_duration

FROZEN_SECONDS = 120.0  # without a beat, which a process sends every few seconds while it has a lease
TICK_SECONDS = 1.0

# Not `python -m`, nor multiprocessing's own spawn: the child finds modules where this process does, and the user's
# script, which may have no `if __name__ == "__main__"`, is not imported.
START = """
import json, sys
sys.stdout.reconfigure(line_buffering=True)  # whole lines, or those of several processes would mix
sys.path[:] = json.loads(sys.argv[2])
from emma_eval.inference.replicas.worker import main
main(int(sys.argv[1]))
"""


@dataclass(slots=True, eq=False)
class _Process:
    """A replica's process and this end of its socket.

    Threads read and write it: a process that hangs in the middle of a message must not hold up the others.
    """

    replica: int
    process: subprocess.Popen[bytes]
    connection: Connection
    inbox: SimpleQueue[tuple[_Process, Message | Beat | None]]  # None: the connection has ended
    outbox: SimpleQueue[Order | Connection] = field(default_factory=SimpleQueue)  # the connection: nothing more comes
    lease: int = 0  # the number of the last one
    is_busy: bool = False
    silence: float = 0.0  # seconds without a sign of life, those in which this process itself was paused left out
    cpu_seconds: float = 0.0
    last_words: Died | None = None
    threads: tuple[Thread, ...] = ()

    def __post_init__(self) -> None:
        self.threads = tuple(Thread(target=work, daemon=True) for work in (self._read, self._write))
        for thread in self.threads:
            thread.start()

    def _read(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                self.inbox.put((self, self.connection.recv()))
        self.inbox.put((self, None))

    def _write(self) -> None:
        with suppress(OSError):  # it has died, which its end of the socket will tell
            while not isinstance(order := self.outbox.get(), Connection):
                self.connection.send(order)

    def is_frozen(self, seconds: float) -> bool:
        """Count so many seconds without a message, and tell whether that is too long.

        A process that computes is alive, though its engine may keep it from sending anything.
        """
        spent = _cpu_seconds(self.process.pid)
        self.silence = self.silence + seconds if self.is_busy and spent == self.cpu_seconds else 0.0
        self.cpu_seconds = spent
        return self.silence >= FROZEN_SECONDS

    def end(self) -> None:
        """Kill the process, if it has not ended by itself, and close the connection."""
        self.process.kill()
        with suppress(subprocess.TimeoutExpired):  # as one that waits for a dead disk
            self.process.wait(GRACE_SECONDS)
        self.outbox.put(self.connection)
        for thread in self.threads:
            thread.join(GRACE_SECONDS)
        if not any(thread.is_alive() for thread in self.threads):
            self.connection.close()


class ProcessFleet:
    """One process for each mapping of environment variables."""

    def __init__(self, job: ReplicaJob, environments: Sequence[dict[str, str]]) -> None:
        self._job, self._environments = job, environments
        self._processes: dict[int, _Process] = {}
        self._inbox: SimpleQueue[tuple[_Process, Message | Beat | None]] = SimpleQueue()
        self._looked = time.monotonic()  # for frozen processes

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self._environments)

    def start(self, replica: int) -> None:
        """Start the process and tell it its job."""
        ours, theirs = Pipe()
        paths = json.dumps([path or str(Path.cwd()) for path in sys.path])
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - this interpreter, fixed code
                [sys.executable, "-c", START, str(theirs.fileno()), paths],
                pass_fds=[theirs.fileno()],
                env=os.environ | self._environments[replica],
                stdin=subprocess.DEVNULL,
                stdout=2,  # what a model prints must not get between the run's tables
            )
        self._processes[replica] = _Process(replica, process, ours, self._inbox)
        self._processes[replica].outbox.put(self._job)

    def assign(self, replica: int, lease: bytes) -> None:
        """Send the lease."""
        one = self._processes[replica]
        one.lease += 1
        one.is_busy, one.silence = True, 0.0
        one.outbox.put(Lease(one.lease, lease))

    def cancel(self, replica: int) -> None:
        """Send the number of the last lease."""
        one = self._processes[replica]
        one.outbox.put(Cancel(one.lease))

    def next_message(self) -> tuple[int, Message] | None:
        """The next message of any process; Died once the last message of one that has ended is delivered.

        A process that gives no sign of life, as one that was stopped, is killed, and has died.
        """
        try:
            one, message = self._inbox.get(timeout=TICK_SECONDS)
        except Empty:
            return self._frozen()
        if self._processes.get(one.replica) is not one:  # killed: its requests are with others
            return None
        one.silence = 0.0
        if message is None:
            del self._processes[one.replica]
            ended = _how_it_ended(one.process)
            one.end()
            return one.replica, one.last_words or Died(ended)
        if isinstance(message, Died):
            one.last_words = message  # the process ends; its end is awaited, so that its memory is free again
        elif not isinstance(message, Beat):
            one.is_busy = one.is_busy and not isinstance(message, Finished)
            return one.replica, message
        return self._frozen()

    def close(self) -> None:
        """Tell all processes to end, and kill those that do not within some seconds, at once on a second Ctrl-C."""
        processes = list(self._processes.values())
        self._processes.clear()
        try:
            for one in processes:
                one.outbox.put(None)
            deadline = time.monotonic() + GRACE_SECONDS + 1
            for one in processes:
                with suppress(subprocess.TimeoutExpired):
                    one.process.wait(max(0.0, deadline - time.monotonic()))
        finally:
            for one in processes:
                one.process.kill()
            for one in processes:
                one.end()

    def _frozen(self) -> tuple[int, Died] | None:
        """Kill a process that has been silent for too long."""
        passed = time.monotonic() - self._looked
        if passed < TICK_SECONDS:
            return None
        self._looked += passed
        counted = min(passed, 2 * TICK_SECONDS)  # more: this process was paused, and the others perhaps too
        frozen = [one for one in self._processes.values() if one.is_frozen(counted)]
        if not frozen:
            return None
        one = self._processes.pop(frozen[0].replica)
        one.end()
        return one.replica, Died(f"killed, for it gave no sign of life for {format_duration(one.silence)}")


def _how_it_ended(process: subprocess.Popen[bytes]) -> str:
    """'killed by signal 9, ...', once it has ended; one that lingers behind its closed socket is to be killed."""
    try:
        code = process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        return "it closed its connection"
    if code == -signal.SIGKILL:
        return "killed by signal 9, as when the machine's memory runs out"
    return f"killed by signal {-code}" if code < 0 else f"it exited with code {code}"


def _cpu_seconds(number: int) -> float:
    """The time that all threads of a process have computed; 0 where the system does not tell."""
    try:
        after_name = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, LookupError, ValueError):
        return 0.0
