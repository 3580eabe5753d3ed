"""Replicas as processes of this machine, each at the other end of a socket."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path

from emma_eval.inference.replicas.fleet import Died, Message, ReplicaJob
from emma_eval.inference.replicas.worker import GRACE_SECONDS, Cancel, Lease, Order

# Not `python -m`, nor multiprocessing's own spawn: the child finds modules where this process does, and the user's
# script, which may have no `if __name__ == "__main__"`, is not imported.
START = """
import json, sys
sys.stdout.reconfigure(line_buffering=True)  # whole lines, or those of several processes would mix
sys.path[:] = json.loads(sys.argv[2])
from emma_eval.inference.replicas.worker import main
main(int(sys.argv[1]))
"""


@dataclass(slots=True)
class _Process:
    """A replica's process and this end of its socket."""

    process: subprocess.Popen[bytes]
    connection: Connection
    lease: int = 0  # the number of the last one
    said: Message | None = field(default=None)  # its last words

    def send(self, order: Order) -> None:
        with suppress(OSError):  # it has died, which its end of the socket will tell
            self.connection.send(order)


class ProcessFleet:
    """One process for each mapping of environment variables."""

    def __init__(self, job: ReplicaJob, environments: Sequence[dict[str, str]]) -> None:
        self._job, self._environments = job, environments
        self._processes: dict[int, _Process] = {}
        self._readable: deque[int] = deque()

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
        self._processes[replica] = _Process(process, ours)
        self._processes[replica].send(self._job)

    def assign(self, replica: int, lease: bytes) -> None:
        """Send the lease."""
        one = self._processes[replica]
        one.lease += 1
        one.send(Lease(one.lease, lease))

    def cancel(self, replica: int) -> None:
        """Send the number of the last lease."""
        one = self._processes[replica]
        one.send(Cancel(one.lease))

    def next_message(self) -> tuple[int, Message]:
        """The next message of any process; Died once the last message of one that has ended is delivered."""
        while True:
            if not self._readable:
                by_connection = {one.connection: replica for replica, one in self._processes.items()}
                ready = wait(list(by_connection))
                self._readable.extend(by_connection[one] for one in ready if isinstance(one, Connection))
            replica = self._readable.popleft()
            one = self._processes[replica]
            try:
                message: Message = one.connection.recv()
            except (EOFError, OSError):
                del self._processes[replica]
                one.connection.close()
                ended = _how_it_ended(one.process)
                return replica, one.said or Died(ended)
            if not isinstance(message, Died):
                return replica, message
            one.said = message  # the process ends; its end is awaited, so that its memory is free again

    def close(self) -> None:
        """Tell all processes to end, and kill those that do not within some seconds."""
        processes = list(self._processes.values())
        self._processes.clear()
        self._readable.clear()
        for one in processes:
            one.send(None)
        deadline = time.monotonic() + GRACE_SECONDS + 1
        for one in processes:
            try:
                one.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                one.process.kill()
                one.process.wait()
            finally:
                one.connection.close()


def _how_it_ended(process: subprocess.Popen[bytes]) -> str:
    """'killed by signal 9, ...', once it has ended; one that lingers behind its closed socket is killed."""
    try:
        code = process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "it closed its connection"
    if code == -signal.SIGKILL:
        return "killed by signal 9, as when the machine's memory runs out"
    return f"killed by signal {-code}" if code < 0 else f"it exited with code {code}"
