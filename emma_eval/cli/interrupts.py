"""Ctrl-C, kept in mind: raised within an import, its KeyboardInterrupt often comes out as another error."""

from __future__ import annotations

import signal
from threading import Event, current_thread, main_thread

pressed = Event()


def interrupt(number: int, frame: object) -> None:
    """What a signal does that ends a command as Ctrl-C does."""
    pressed.set()
    raise KeyboardInterrupt


def watch_for_interrupts() -> None:
    """Begin anew; a handler that is not Python's own is left in its place."""
    pressed.clear()
    if current_thread() is main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
