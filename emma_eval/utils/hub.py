"""The Hugging Face hub offline or unreachable: without this its clients would retry for half a minute, and log it."""

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
from emma_eval.utils.text import error_message, first_error_line

CONNECT_TIMEOUT_SECONDS = 5
OFFLINE_VARIABLE = "HF_HUB_OFFLINE"
MODELS_SWITCH, DATA_SWITCH = "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"  # of the libraries beside the hub's client
TRUE_VALUES = {"1", "ON", "YES", "TRUE"}  # as these libraries read them
_offline_reasons: list[str] = []  # why this program itself set the clients offline; empty where the user did


@contextmanager
def offline() -> Iterator[None]:
    """Inside the context the hub's clients are offline, as with HF_HUB_OFFLINE in the environment."""
    before = os.environ.get(OFFLINE_VARIABLE)
    os.environ[OFFLINE_VARIABLE] = "1"
    _set_client_offline(on=True)
    try:
        yield
    finally:
        if before is None:
            del os.environ[OFFLINE_VARIABLE]
        else:
            os.environ[OFFLINE_VARIABLE] = before
        _set_client_offline(on=_is_on(OFFLINE_VARIABLE if before else MODELS_SWITCH))  # as the client reads them


def offline_switch(*, for_data: bool = False) -> str:
    """The variable that forbids the hub, for messages; empty if none does. Data sets have one of their own."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        by_models = _is_on(MODELS_SWITCH) and not os.environ.get(OFFLINE_VARIABLE)
        return MODELS_SWITCH if by_models else OFFLINE_VARIABLE
    return DATA_SWITCH if for_data and _is_on(DATA_SWITCH) else ""


def _is_on(variable: str) -> bool:
    return os.environ.get(variable, "").upper() in TRUE_VALUES


def require_valid_endpoint() -> None:
    """Raise UserError for an HF_ENDPOINT that is no URL: the clients would fail on it when they are imported."""
    from huggingface_hub import constants

    try:
        url = urlsplit(constants.ENDPOINT)
        reason = "" if url.hostname and url.port != 0 else "it names no host"
    except ValueError as error:
        reason = first_error_line(error)
    if reason:
        raise UserError(f"HF_ENDPOINT {constants.ENDPOINT!r:.200} is no address of a hub: {reason}")


def require_hub_reachable() -> None:
    """Raise UserError when the hub is switched off for data sets or cannot be reached; waits seconds at most."""
    from huggingface_hub import constants

    require_valid_endpoint()
    if switch := offline_switch(for_data=True):
        named = f"--offline (or {switch})" if switch == OFFLINE_VARIABLE else switch
        raise UserError(f"{named} forbids the hub, and this is not on this machine yet")
    if _connection_error():
        raise UserError(f"the hub {constants.ENDPOINT} cannot be reached; check the network, or HF_ENDPOINT")


@contextmanager
def fail_fast_and_quietly() -> Iterator[None]:
    """Inside the context the hub's clients use what is cached or fail at once without network, and log nothing.

    What they would log is in the exception too, which the caller describes in one line.
    """
    from huggingface_hub import constants

    require_valid_endpoint()
    if not constants.HF_HUB_OFFLINE and (reason := _connection_error()):
        _set_client_offline(on=True)
        _offline_reasons[:] = [reason]
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def describe_hub_error(error: Exception, *, for_data: bool = False) -> str:
    """Why a hub's client failed, in one line that names what the user can do."""
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return "its owner lets in only whom he approved; ask for access on its page, then `hf auth login`"
    if isinstance(error, errors.RepositoryNotFoundError):
        return "there is no such repository, or it is private and needs `hf auth login`"
    absent = isinstance(error, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled)
    switch = offline_switch(for_data=for_data)
    if switch and (absent or "offline" in str(error).lower()):  # `datasets` raises its own
        reason = f"{switch}{' (or --offline)' if switch == OFFLINE_VARIABLE else ''} forbids the hub"
        return f"{_offline_reasons[0] if _offline_reasons else reason}, and it is not in the cache on this machine"
    return error_message(error)


def _set_client_offline(*, on: bool) -> None:
    """Set the clients offline or online where they are already imported and have read the variable."""
    if "huggingface_hub" in sys.modules:
        from huggingface_hub import constants

        constants.HF_HUB_OFFLINE = on
    if "datasets" in sys.modules:
        sys.modules["datasets"].config.HF_HUB_OFFLINE = on


def _connection_error() -> str | None:
    """Why the hub cannot be reached; None where it can, or where a proxy is used and only the clients can tell."""
    from huggingface_hub import constants

    url = urlsplit(constants.ENDPOINT)
    try:
        if getproxies().keys() & {url.scheme, "all"} and not proxy_bypass(url.hostname or ""):
            return None
        with socket.create_connection((url.hostname, url.port or url.scheme), timeout=CONNECT_TIMEOUT_SECONDS):
            return None
    except (OSError, ValueError) as error:  # ValueError: an invalid host name
        reason = getattr(error, "strerror", None) or first_error_line(error)
        return f"the hub {constants.ENDPOINT} cannot be reached ({reason})"
