"""The process of one replica: loads an engine, answers leases, and ends with the run's process, however that ends.

Started by `processes` with one end of a socket. It ignores Ctrl-C, which a terminal sends to all processes at once: the
run's process says when to end. When that is gone, even by `kill -9`, the socket is closed, and so ends this one; on
Linux the system kills it, whatever it does.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from queue import Queue
from threading import Event, Lock, Thread

from emma_eval.errors import UserError
from emma_eval.inference.engine import Engine, machine_use
from emma_eval.inference.loading import load_engine
from emma_eval.inference.replicas.fleet import Died, Message, Ready, Refused, ReplicaJob, answer
from emma_eval.inference.replicas.packing import unpack
from emma_eval.models import ModelHandle
from emma_eval.utils.data_roots import register_data_root
from emma_eval.utils.text import error_message

GRACE_SECONDS = 2.0  # to end by itself when it is told to
BEAT_SECONDS = 5.0
FAULT_EXIT_CODE = 70
PR_SET_PDEATHSIG = 1  # of <linux/prctl.h>


@dataclass(frozen=True, slots=True)
class Lease:
    """Packed requests; leases are numbered so that a late Cancel does not meet the next one."""

    number: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Cancel:
    """Drop what is left of the lease of this number."""

    number: int


@dataclass(frozen=True, slots=True)
class Beat:
    """The process lives: sent every few seconds as long as it has a lease."""


Order = ReplicaJob | Lease | Cancel | None  # None: end


class Orders:
    """Reads orders in a thread, so that they arrive while the engine works."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._leases: Queue[Lease | None] = Queue()
        self._cancelled = 0
        self._ended = Event()
        Thread(target=self._read, daemon=True).start()

    def next_lease(self) -> Lease | None:
        """Wait for a lease; None at the end."""
        return self._leases.get()

    def is_cancelled(self, number: int) -> bool:
        """Whether the lease's answers are wanted no longer."""
        return self._ended.is_set() or self._cancelled >= number

    def _read(self) -> None:
        try:
            while (order := self._connection.recv()) is not None:
                if isinstance(order, Cancel):
                    self._cancelled = order.number
                else:
                    self._leases.put(order)
        except (EOFError, OSError):  # the run's process is gone
            pass
        self._ended.set()
        self._leases.put(None)
        time.sleep(GRACE_SECONDS)
        os._exit(1)  # the engine is in the middle of a batch


class Outlet:
    """Sends messages, in whole ones from whatever thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._lock = connection, Lock()

    def send(self, message: Message | Beat) -> None:
        """Send one. Raises OSError if the run's process is gone."""
        with self._lock:
            self._connection.send(message)

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Beat meanwhile."""
        ended = Event()
        thread = Thread(target=self._beat, args=(ended,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()

    def _beat(self, ended: Event) -> None:
        with suppress(OSError):
            while not ended.wait(BEAT_SECONDS):
                self.send(Beat())


def load(job: ReplicaJob) -> Engine:
    """The job's engine, in a process that knows its data roots. Raises UserError if it cannot be loaded."""
    for root in job.data_roots:
        register_data_root(root)
    return load_engine(ModelHandle(job.spec), job.batch_size)


def serve(connection: Connection, outlet: Outlet) -> None:
    """Load the engine and answer leases until told to end. Raises whatever the engine raises."""
    job: ReplicaJob = connection.recv()
    orders = Orders(connection)
    with closing(load(job)) as engine:
        outlet.send(Ready(engine.describe(), machine_use(engine)))
        while (lease := orders.next_lease()) is not None:
            with outlet.beating():
                for message in answer(engine, unpack(lease.data), partial(orders.is_cancelled, lease.number)):
                    outlet.send(message)


def main(descriptor: int) -> None:
    """Serve on the socket of this descriptor. An exception is sent before the process ends with it."""
    os.set_inheritable(descriptor, False)
    end_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):  # a batch system, too, signals all processes at once
        signal.signal(number, signal.SIG_IGN)
    connection = Connection(descriptor)
    outlet = Outlet(connection)
    try:
        serve(connection, outlet)
    except (BrokenPipeError, ConnectionResetError, EOFError):  # the run's process is gone
        os._exit(1)
    except Exception as error:
        outlet.send(last_words(error))
        connection.close()
        sys.exit(FAULT_EXIT_CODE)


def end_with_parent() -> None:
    """Let Linux kill this process when the one that started it ends, even if this one is stopped or stuck."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def last_words(error: Exception) -> Message:
    """What the run is told of an exception that ends a replica."""
    if isinstance(error, UserError):
        return Refused(str(error))
    return Died(f"{type(error).__name__}: {error_message(error)}", traceback.format_exc())
