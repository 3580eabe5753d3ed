"""The Hugging Face hub, when it is out of reach: its clients would try again for half a minute and more, and say so."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from urllib.request import getproxies

REACH_SECONDS = 5


@contextmanager
def at_once_and_quietly() -> Iterator[None]:
    """Within, the hub's clients take what is cached or fail at once if there is no network, and log nothing.

    What they log comes again as the exception that the caller words in one line.
    """
    from huggingface_hub import constants

    if not _reachable():
        # The clients' own switch, HF_HUB_OFFLINE, which they read from the environment when they are imported.
        constants.HF_HUB_OFFLINE = True
        if "datasets" in sys.modules:
            sys.modules["datasets"].config.HF_HUB_OFFLINE = True
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _reachable() -> bool:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE or getproxies():  # behind a proxy only the clients can tell
        return not constants.HF_HUB_OFFLINE
    url = urlsplit(constants.ENDPOINT)
    try:
        with socket.create_connection((url.hostname, url.port or url.scheme), timeout=REACH_SECONDS):
            return True
    except OSError:
        return False
