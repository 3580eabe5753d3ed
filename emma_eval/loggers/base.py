"""What a logger must offer, the targets that --log names, and the packages that loggers need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from emma_eval.errors import MissingToolError, UserError, without_secrets
from emma_eval.registry import entries, look_up
from emma_eval.utils.text import did_you_mean, error_message

if TYPE_CHECKING:
    from emma_eval.loggers.content import LoggedRun


class RunLogger(Protocol):
    """Takes finished runs to one service.

    An entry point of the group `emma_eval.loggers` is called with NAME of --log KIND:NAME, before any data are read,
    and gives one. It raises UserError for what must be mended first: a missing package, a wrong name, no login.
    """

    @property
    def place(self) -> str:
        """The server, file or folder, without credentials: a run is logged once to each."""
        ...

    def log(self, run: LoggedRun) -> str:
        """Log the run, and return its address or the command that shows it, without credentials.

        What was logged under the run's key before is replaced or gone on with, never doubled. May raise anything: its
        message is shown in one line, and the run folder is as it was.
        """
        ...


MAX_REASON = 600  # characters of what a package says


@dataclass(frozen=True, slots=True)
class Target:
    """One target of --log, ready to be used."""

    text: str  # KIND:NAME, as given
    logger: RunLogger


def open_targets(texts: Sequence[str], option: str = "--log") -> list[Target]:
    """The targets, each once. Raises UserError, naming the option, for one that is unknown or not ready."""
    return [Target(text, _open(text, option)) for text in dict.fromkeys(texts)]


def _open(text: str, option: str) -> RunLogger:
    kind, colon, name = text.partition(":")
    known = entries("loggers")
    if kind not in known:
        raise UserError(f"{option} {text}: no logs are known as {kind!r}{did_you_mean(kind, known)}")
    if not (colon and name.strip()):
        raise UserError(f"{option} {text}: {kind}:NAME is expected")
    logger: Callable[[str], RunLogger] = look_up("loggers", kind)
    try:
        return logger(name.strip())
    except Exception as error:  # packages raise their own for a wrong name, key or address
        reason = str(error) if isinstance(error, UserError) else error_message(error)
        raise UserError(f"{option} {text}: {without_secrets(reason)[:MAX_REASON]}") from error


def import_package(name: str) -> Any:
    """The package of this name. Raises MissingToolError if it is not installed or cannot be imported."""
    install = f"pip install 'emma-eval[{name}]'"
    try:
        package = import_module(name)
    except Exception as error:  # a package that does not fit the others may raise anything
        if isinstance(error, ModuleNotFoundError) and error.name == name:
            raise MissingToolError(f"the package {name} is not installed: {install}") from None
        reason = f"{type(error).__name__}: {error_message(error)}"
        raise MissingToolError(f"the package {name} cannot be imported ({reason}); perhaps {install} helps") from error
    if getattr(package, "__file__", None) is None:  # a folder of that name, as wandb leaves one behind
        raise MissingToolError(f"the package {name} is not installed: {install}")
    return package
