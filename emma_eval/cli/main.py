"""The command line's front desk: picks the command, imports its module alone, and words every failure in one line.

Exit codes: 0 all is well, 1 a sample failed, 2 a mistake the user can mend, 130 interrupted, 141 output not read.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from typing import IO, Any, Protocol, cast

from emma_eval import __version__
from emma_eval.cli import interrupts
from emma_eval.cli.arguments import Parser
from emma_eval.errors import UserError, one_line, printable
from emma_eval.tasks.index import extra_task_folders
from emma_eval.utils.cpu import set_openmp_wait_policy
from emma_eval.utils.file_errors import describe_os_error
from emma_eval.utils.hub import offline
from emma_eval.utils.text import did_you_mean

PROGRAM = "emma-eval"
DEFAULT_COMMAND = "run"

COMMANDS = {
    "run": ("emma_eval.cli.run", "answer benchmarks with a model, score the answers, print the leaderboard"),
    "leaderboard": ("emma_eval.cli.leaderboard", "set finished runs beside published scores: Markdown, CSV, LaTeX"),
    "report": ("emma_eval.cli.report", "write a page about finished runs, with a browser of their samples"),
    "watch": ("emma_eval.cli.watch", "show how far a run is, from another terminal"),
    "compare": ("emma_eval.cli.compare", "test whether one run is better than another, on the same samples"),
    "baseline": ("emma_eval.cli.baseline", "keep a run's scores, sample by sample, for the regression gate"),
    "regress": ("emma_eval.cli.regress", "the regression gate: fail when a run is worse than a baseline"),
    "score": ("emma_eval.cli.score", "score answers made anywhere, without a model"),
    "submit": ("emma_eval.cli.submit", "write answers in the file that a judge model or a test server takes"),
    "ask": ("emma_eval.cli.ask", "ask a model one question"),
    "list": ("emma_eval.cli.list", "list tasks, models or groups"),
    "show": ("emma_eval.cli.show", "show a task's sample, its prompt and its expected answer"),
    "explain": ("emma_eval.cli.explain", "tell how a task is asked and scored, and what published numbers used"),
    "data": ("emma_eval.cli.data", "fetch benchmarks' data, check it, say what is there"),
    "check": ("emma_eval.cli.check", "check task files, data files, counts and images"),
    "schema": ("emma_eval.cli.schema", "print the JSON Schema of task files, for editors"),
}


DRAWING = {"run", "watch"}  # with escape sequences of their own, on a terminal; they clean texts themselves


class PrintableStream:
    """Standard output for commands that print what files hold: no control character of theirs reaches a terminal."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write it, control characters spelt out."""
        return self._stream.write(printable(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Command(Protocol):
    """What the module of a command offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's options."""
        ...

    def run(self, args: argparse.Namespace) -> int:
        """Do the work and return the exit code."""
        ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (default: the process's own) and return its exit code; raises nothing a user could mend."""
    command = DEFAULT_COMMAND
    try:
        interrupts.watch_for_interrupts()
        set_openmp_wait_policy()
        show_anything()
        command, rest = choose(list(sys.argv[1:] if argv is None else argv))
        code = start(command, rest)
        sys.stdout.flush()  # here, so that a closed pipe is noticed while it can still be handled
    except SystemExit as stop:  # argparse has printed its --help
        return stop.code if isinstance(stop.code, int) else 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains once more at exit
        return 141
    except KeyboardInterrupt:
        return interrupted(command)
    except Exception as error:
        if interrupts.pressed.is_set():  # within an import it often comes out as another error
            return interrupted(command)
        message = in_words(error, command)
        if message is None:
            raise
        return fail(message)
    return code


def in_words(error: Exception, command: str) -> str | None:
    """One line about what the user, or who looks after the machine, can mend; None for a fault of this program."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError) and error.errno:
        return environment_message(error, command)
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        return "there is no home folder for a path with ~; write the path in full"
    return "there is not enough memory" if isinstance(error, MemoryError) else None


def interrupted(command: str) -> int:
    """Say so in one line, and how to go on."""
    goes_on = "; answers so far are kept, and the same command goes on where it stopped" if command == "run" else ""
    print(f"\ninterrupted{goes_on}", file=sys.stderr)
    return 130


def show_anything() -> None:
    r"""Print what the terminal has no characters for as `\ud800`; standard error does so by itself."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def choose(argv: list[str]) -> tuple[str, list[str]]:
    """The command and its own arguments. Raises UserError for an unknown command, SystemExit after --help."""
    if argv and argv[0] in COMMANDS:
        return argv[0], argv[1:]
    if argv and argv[0] in ("-h", "--help", "help"):
        print(overview())
        raise SystemExit(0)
    if argv and argv[0] == "--version":
        print(f"{PROGRAM} {__version__}")
        raise SystemExit(0)
    if argv and not argv[0].startswith("-"):
        raise UserError(f"unknown command {argv[0]!r}{did_you_mean(argv[0], COMMANDS)}")
    return DEFAULT_COMMAND, argv


def start(name: str, argv: list[str]) -> int:
    """Import the command's module, parse its arguments and run it."""
    module_name, summary = COMMANDS[name]
    command = cast(Command, importlib.import_module(module_name))
    parser = Parser(f"{PROGRAM} {name}", summary[0].upper() + summary[1:] + ".")
    command.add_arguments(parser)
    args = parser.parse(argv)
    plain = name not in DRAWING or not sys.stdout.isatty()
    with (
        redirect_stdout(cast(IO[str], PrintableStream(sys.stdout))) if plain else nullcontext(),
        extra_task_folders(getattr(args, "task_dir", ())),
        offline() if getattr(args, "offline", False) else nullcontext(),
    ):
        return command.run(args)


def overview() -> str:
    """The text of --help."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {summary}" for name, (_, summary) in COMMANDS.items()]
    return "\n".join(
        [
            f"usage: {PROGRAM} [COMMAND] [OPTIONS]        (in a checkout: python run_eval.py ...)",
            "",
            "Run EMMA and its rivals on multimodal benchmarks and score the answers as the official tools do.",
            "",
            "commands:",
            *lines,
            "",
            f"Without a command it is `{DEFAULT_COMMAND}`; without anything, `{DEFAULT_COMMAND}` with its defaults:",
            "the shipped model emma-mini on the shipped suite mini.",
            f"`{PROGRAM} COMMAND --help` shows a command's options; `{PROGRAM} --version` the version.",
        ]
    )


def environment_message(error: OSError, command: str) -> str:
    """One line about a full disk or a missing right, with the way on."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        kept = "; nothing answered is lost: free some space, and the same command goes on" if command == "run" else ""
        where = f": {error.filename}" if error.filename else ""
        return f"the disk is full{where}{kept}"
    return describe_os_error(error)


def fail(message: str) -> int:
    """Print a user's mistake and return its exit code."""
    print(f"error: {one_line(message)}", file=sys.stderr)
    return 2
