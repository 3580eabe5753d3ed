"""Remembers Ctrl-C: raised within an import, KeyboardInterrupt often comes out as another error."""

from __future__ import annotations

import os
import signal
import sys
from threading import Event, current_thread, main_thread

from emma_eval.utils.file_errors import is_address_space_full

pressed = Event()


def interrupt(number: int, frame: object) -> None:
    """A signal handler that ends a command as Ctrl-C does."""
    if pressed.is_set():  # a second one may come while a generator is closed, where Python would print a traceback
        sys.unraisablehook = _without_interrupts
    pressed.set()
    raise KeyboardInterrupt


def _without_interrupts(what: sys.UnraisableHookArgs) -> None:
    if what.exc_type is not KeyboardInterrupt:
        sys.__unraisablehook__(what)


def watch_for_interrupts() -> None:
    """Forget an earlier Ctrl-C and install the handler, unless another than Python's own is installed."""
    pressed.clear()
    if current_thread() is main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)


def end_quietly(code: int) -> None:
    """Let a signal end the process at once, for all is done, and print nothing of what libraries raise at its end.

    They do where memory has run out, and vLLM's may even crash then: a process without any more of it that ends with an
    error leaves without them. `python -X dev` shows what they raise.
    """
    if current_thread() is main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is interrupt:
                signal.signal(number, signal.SIG_DFL)
    if not sys.flags.dev_mode:
        sys.unraisablehook = _say_nothing
    if code and is_address_space_full():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _say_nothing(what: sys.UnraisableHookArgs) -> None:
    pass
