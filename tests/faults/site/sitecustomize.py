"""Lets the fault run stop a command at a chosen moment. Python imports this module by itself when a process starts.

A moment is the n-th audit event of the main thread in a phase: an import, a file opened or renamed, a record half
written. A phase begins with an event that names a file or with a call of a function. At the moment the process tells
the fault run and waits for its word. Without FAULT_PLAN in the environment, as in the command's own processes, nothing
is watched.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


class Watch:
    """Counts events by phase; acts at the moment of the plan; writes the counts at the end, where it says so."""

    def __init__(self, plan: dict[str, Any]) -> None:
        import _thread

        self.plan, self.thread_id, self.main_thread = plan, _thread.get_ident, _thread.get_ident()
        self.phases = list(plan["phases"])
        self.counts = {"start": 0}
        self.phase = "start"
        self.moment = plan.get("moment")
        self.is_inside = False

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """The audit hook; what happens within it counts for nothing."""
        if self.is_inside or self.thread_id() != self.main_thread:
            return
        self.is_inside = True
        try:
            self.count(event, arguments)
        finally:
            self.is_inside = False

    def count(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Count the event, which may begin a phase; act if this is the moment."""
        for number, (phase, kind, text) in enumerate(self.phases):
            if event == kind and text in str(arguments[0]):
                self.phase, self.phases = phase, self.phases[number + 1 :]
                self.counts[phase] = 0
                if phase == self.plan["instrumented"]:
                    instrument(self.plan["marks"])
                break
        number = self.counts[self.phase]
        self.counts[self.phase] += 1
        if self.moment == [self.phase, number]:
            self.act(event, arguments)

    def act(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Run the plan's code, or tell the fault run and wait."""
        if code := self.plan.get("code"):
            exec(code, {})
        if pipes := self.plan.get("pipes"):
            where = f"{event} {str(arguments[0])[-80:]}" if arguments else event
            os.write(pipes[0], where.encode("ascii", "replace") + b"\n")
            os.read(pipes[1], 1)

    def write(self) -> None:
        """Write the counts."""
        self.is_inside = True
        with open(self.plan["counts"], "w") as file:  # noqa: PTH123 - nothing is imported that commands do not
            json.dump(self.counts, file)


def instrument(marks: dict[str, str]) -> None:
    """Let functions `module:name` announce a phase, and records be written in two halves, with a moment between."""
    for path, phase in marks.items():
        module_name, _, name = path.partition(":")
        if module := sys.modules.get(module_name):
            setattr(module, name, marked(getattr(module, name), phase))
    if log := sys.modules.get("emma_eval.results.line_log"):
        write_whole = log.LineLog._write

        def write_halves(self: Any, data: bytes) -> None:
            write_whole(self, data[: len(data) // 2])
            sys.audit("a half record", self._file.name)
            write_whole(self, data[len(data) // 2 :])
            sys.audit("a record", self._file.name)

        log.LineLog._write = write_halves


def marked(function: Any, phase: str) -> Any:
    """The function, which announces its calls."""

    def announced(*arguments: Any, **named: Any) -> Any:
        sys.audit("phase", phase)
        return function(*arguments, **named)

    return announced


def sleep_by_select() -> None:
    """Replace time.sleep: libfaketime answers the system call that Python's own makes with 'Invalid argument'."""
    import select
    import time

    time.sleep = lambda seconds: select.select([], [], [], seconds) and None


if "libfaketime" in os.environ.get("LD_PRELOAD", ""):
    sleep_by_select()
if given := os.environ.pop("FAULT_PLAN", ""):
    watch = Watch(json.loads(given))
    if "counts" in watch.plan:
        import atexit

        atexit.register(watch.write)
    sys.addaudithook(watch.hook)
