"""Dispatches the command line: imports the command's module alone, and prints every failure as one line.

Exit codes: 0 success, 1 a sample failed, 2 usage error, 130 interrupted, 141 the reader of the output has gone.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from typing import IO, Any, Protocol, cast

from emma_eval import __version__
from emma_eval.cli import interrupts
from emma_eval.cli.arguments import Parser
from emma_eval.errors import UserError, printable
from emma_eval.tasks.index import extra_task_folders
from emma_eval.tasks.sources import extra_include_paths
from emma_eval.utils.cpu import set_openmp_wait_policy
from emma_eval.utils.file_errors import describe_os_error, is_address_space_full, is_memory_shortage
from emma_eval.utils.terminal import paragraph, print_message, terminal_width
from emma_eval.utils.text import did_you_mean

PROGRAM = "emma-eval"
DEFAULT_COMMAND = "run"

COMMAND_GROUPS = {  # heading of --help -> command -> what it does
    "answer and score": {
        "run": "answer benchmarks with a model, score the answers, write the leaderboard",
        "watch": "show how far a run is, from another terminal",
        "merge": "join the shards of a run, made by run --shard, and score them",
        "score": "score answers made anywhere, without a model",
        "judge": "have a judge model score what only a judge can",
        "submit": "write answers in the file that a judge model or a test server takes",
    },
    "compare": {
        "compare": "test whether one run is better than another, on the same samples",
        "plan": "how many samples it takes to tell two models apart",
        "noise": "ask a model twice, batched in another way: how many answers change",
        "baseline": "keep a run's scores, sample by sample, for the regression gate",
        "regress": "the regression gate: fail when a run is worse than a baseline",
    },
    "tables and pages": {
        "leaderboard": "set finished runs beside published scores: Markdown, CSV, LaTeX",
        "report": "write a page about finished runs, with a browser of their samples",
        "export": "write a run's samples as CSV, Parquet or JSON lines, or as the files of lmms-eval",
        "log": "log a run to Weights & Biases, TensorBoard or MLflow",
    },
    "look into a model": {
        "ask": "ask a model one question",
        "params": "count a model's parameters by part, and what a prompt costs",
        "ablate": "run variants of a model, each compared with the full one",
        "robustness": "change questions, options or images, and see how the answers change",
        "analyze": "show what a model's alignment does: weights, features, information",
    },
    "tasks and data": {
        "list": "list tasks, models or groups",
        "explain": "explain how a task is asked and scored, and what published numbers used",
        "show": "show a task's sample, its prompt and its expected answer",
        "data": "fetch benchmarks' data, check it, list what is there",
        "check": "check task files, data files, counts and images",
    },
    "shell and editor": {
        "completion": "print a script that completes commands and names in your shell",
        "schema": "print the JSON Schema of task files, for editors",
    },
}
COMMANDS = {  # command -> its module, what it does
    name: (f"emma_eval.cli.{name}", summary) for group in COMMAND_GROUPS.values() for name, summary in group.items()
}


RESUMABLE = {"run", "noise", "judge", "ablate", "robustness", "analyze"}  # keep what they have, and go on there
DRAWING_COMMANDS = {"run", "watch"}  # write escape sequences to a terminal, and escape other texts themselves


class PrintableStream:
    """Standard output with control characters escaped, for commands that print the contents of files."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, its control characters escaped."""
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
    """Run a command line, by default the process's own, and return its exit code. Only faults of this program raise."""
    command = DEFAULT_COMMAND
    try:
        interrupts.watch_for_interrupts()
        set_openmp_wait_policy()
        escape_unprintable()
        try:
            command, rest = split_command(list(sys.argv[1:] if argv is None else argv))
            code = run_command(command, rest)
        except SystemExit as stop:  # argparse has printed its --help
            code = stop.code if isinstance(stop.code, int) else 2
        sys.stdout.flush()  # here, so that a closed pipe is noticed while it can still be handled
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains once more at exit
        return 141
    except KeyboardInterrupt:
        return interrupted(command)
    except Exception as error:
        if interrupts.pressed.is_set():  # within an import it often comes out as another error
            return interrupted(command)
        message = user_message(error, command)
        if message is None:
            raise
        return fail(message)
    return code


def user_message(error: Exception, command: str) -> str | None:
    """One line on an error that the user or the machine's administrator can fix; None for a fault of this program."""
    if isinstance(error, UserError):
        return str(error)
    if is_memory_shortage(error) or is_address_space_full():
        goes_on = "; nothing answered is lost: free some, and the same command goes on" if command in RESUMABLE else ""
        return f"there is not enough memory{goes_on}"
    if isinstance(error, OSError) and error.errno:
        return os_error_message(error, command)
    if isinstance(error, RuntimeError) and "home directory" in str(error):
        return "there is no home folder for a path with ~; write the path in full"
    return None


def interrupted(command: str) -> int:
    """Print one line on how to continue, and return the exit code."""
    goes_on = "; answers so far are kept, and the same command goes on where it stopped" if command in RESUMABLE else ""
    print(file=sys.stderr)
    print_message(f"interrupted{goes_on}")
    return 130


def escape_unprintable() -> None:
    r"""Print characters that the output's encoding lacks as `\ud800`; standard error does so by itself."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def split_command(argv: list[str]) -> tuple[str, list[str]]:
    """The command's name and its arguments. Raises UserError for an unknown command, SystemExit after --help."""
    if argv and argv[0] in COMMANDS:
        return argv[0], argv[1:]
    if len(argv) == 2 and argv[0] == "help" and argv[1] in COMMANDS:
        return argv[1], ["--help"]
    if argv and argv[0] in ("-h", "--help", "help"):
        print(overview())
        raise SystemExit(0)
    if argv and argv[0] == "--version":
        print(f"{PROGRAM} {__version__}")
        raise SystemExit(0)
    if argv and not argv[0].startswith("-"):
        like = did_you_mean(argv[0], COMMANDS) or f"; `{PROGRAM} --help` lists them"
        raise UserError(f"unknown command {argv[0]!r}{like}")
    return DEFAULT_COMMAND, argv


def run_command(name: str, argv: list[str]) -> int:
    """Import the command's module, parse its arguments and run it."""
    module_name, summary = COMMANDS[name]
    command = cast(Command, importlib.import_module(module_name))
    parser = Parser(f"{PROGRAM} {name}", summary[0].upper() + summary[1:] + ".")
    command.add_arguments(parser)
    args = parser.parse(argv)
    plain = name not in DRAWING_COMMANDS or not sys.stdout.isatty()
    with (
        redirect_stdout(cast(IO[str], PrintableStream(sys.stdout))) if plain else nullcontext(),
        extra_task_folders(getattr(args, "task_dir", ())),
        extra_include_paths(getattr(args, "include_path", ())),
        _offline() if getattr(args, "offline", False) else nullcontext(),
    ):
        return command.run(args)


def _offline() -> AbstractContextManager[None]:
    from emma_eval.utils.hub import offline  # imports urllib, which --help needs not wait for

    return offline()


def overview() -> str:
    """The text of --help."""
    width, longest = terminal_width(), max(map(len, COMMANDS))
    commands: list[str] = []
    for heading, group in COMMAND_GROUPS.items():
        commands += ["", f"{heading}:"]
        for name, summary in group.items():
            commands += paragraph(summary, width, f"  {name:<{longest}}  ", " " * (longest + 4))
    texts = (
        f"Begin with `{PROGRAM} run --limit 20`, which needs no data and no download, or with docs/tutorial.md. "
        f"Without a command it is `{DEFAULT_COMMAND}`; without anything, `{DEFAULT_COMMAND}` with its defaults: the "
        "shipped model emma-mini on the shipped suite mini.",
        f"`{PROGRAM} COMMAND --help` shows a command's options; `{PROGRAM} --version` the version.",
    )
    purpose = "Run EMMA and its rivals on multimodal benchmarks and score the answers as the official tools do."
    return "\n".join(
        [
            f"usage: {PROGRAM} [COMMAND] [OPTIONS]",
            *paragraph("(in a checkout: python run_eval.py ...)", width, "       "),
            "",
            *paragraph(purpose, width),
            *commands,
            "",
            *(line for text in texts for line in paragraph(text, width)),
        ]
    )


FULL = {
    errno.ENOSPC: ("the disk is full", "free some space"),
    errno.EDQUOT: ("the disk quota is used up", "free some space"),
    errno.EFBIG: ("a file is larger than is allowed", "see `ulimit -f`"),
}


def os_error_message(error: OSError, command: str) -> str:
    """One line on a full disk or a missing permission, and how to continue."""
    if full := FULL.get(error.errno or 0):
        what, mend = full
        goes_on = f"nothing answered is lost: {mend}, and the same command goes on"
        advice = goes_on if command in RESUMABLE else mend
        where = f": {error.filename}" if error.filename else ""
        return f"{what}{where}; {advice}"
    return describe_os_error(error)


def fail(message: str) -> int:
    """Print the message of a usage error and return its exit code."""
    print_message(f"error: {message}")
    return 2
