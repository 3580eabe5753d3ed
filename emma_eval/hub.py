"""The Hugging Face hub out of reach, or not wanted: its clients would try again for half a minute, and say so."""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from emma_eval.errors import UserError

REACH_SECONDS = 5
SWITCH = "HF_HUB_OFFLINE"


@contextmanager
def offline() -> Iterator[None]:
    """Within, nothing asks the network, as with the clients' own switch HF_HUB_OFFLINE in the environment."""
    before = os.environ.get(SWITCH)
    os.environ[SWITCH] = "1"
    _switch(on=True)
    try:
        yield
    finally:
        if before is None:
            del os.environ[SWITCH]
            _switch(on=False)
        else:
            os.environ[SWITCH] = before


def require_hub() -> None:
    """Raise UserError, one line, when the hub is switched off or cannot be reached; waits seconds at most."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise UserError(f"--offline (or {SWITCH}) keeps from the hub, and this is not on this machine yet")
    if not _reachable():
        raise UserError(f"the hub {constants.ENDPOINT} cannot be reached; check the network, or HF_ENDPOINT")


@contextmanager
def at_once_and_quietly() -> Iterator[None]:
    """Within, the hub's clients take what is cached or fail at once if there is no network, and log nothing.

    What they log comes again as the exception that the caller words in one line.
    """
    if not _reachable():
        _switch(on=True)
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _switch(*, on: bool) -> None:
    """Set the clients' switch where they have read it already, when they were imported."""
    if "huggingface_hub" in sys.modules:
        from huggingface_hub import constants

        constants.HF_HUB_OFFLINE = on
    if "datasets" in sys.modules:
        sys.modules["datasets"].config.HF_HUB_OFFLINE = on


def _reachable() -> bool:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    url = urlsplit(constants.ENDPOINT)
    if getproxies().keys() & {url.scheme, "all"} and not proxy_bypass(url.hostname or ""):
        return True  # behind a proxy only the clients can tell
    try:
        with socket.create_connection((url.hostname, url.port or url.scheme), timeout=REACH_SECONDS):
            return True
    except OSError:
        return False
