"""Shared by the commands: a parser whose errors are one line, common options, and types that check numbers."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from emma_eval.errors import UserError
from emma_eval.utils.terminal import paragraph, print_message
from emma_eval.utils.text import closest, did_you_mean

ELSEWHERE = {  # options that other programs have, and what is meant by them here
    "--version": "`emma-eval --version` prints it",
    "--split": "a split is a task of its own, `emma-eval list tasks` shows them",
    "--model-args": "options of a model are given as --model-option K=V",
    "--max-samples": "did you mean --limit?",
    "--num-samples": "did you mean --limit?",
    "--gpus": "did you mean --replicas?",
    "--num-gpus": "did you mean --replicas?",
}
ASKING = "how the model is asked"  # heading of a group of options


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Sentences are filled to the terminal's width; what is indented, examples, keeps its lines."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines: list[str] = []
        sentence: list[str] = []
        for line in [*text.split("\n"), ""]:
            if not line or line.startswith(" ") or _LABEL.match(line):
                lines += paragraph(" ".join(sentence), width, indent)
                sentence = []
            if line.startswith(" "):
                lines += _example_lines(line, width, indent)
            elif line:
                sentence.append(line)
            else:
                lines.append("")
        return "\n".join(lines)


_LABEL = re.compile(r"[a-z][\w ]*: ")  # `exit codes: 0 success` begins a paragraph


def _example_lines(line: str, width: int, indent: str) -> list[str]:
    """A command and what it does, which goes below where both do not fit side by side; a long command is continued."""
    if len(indent + line) <= width:
        return [indent + line]
    command, remark = ([*re.split(r"(?<=\S) {3,}(?=\S)", line, maxsplit=1), ""])[:2]
    continued = command.endswith(" \\")
    first, *options = re.split(r" (?=--|>)", command.removesuffix(" \\"))
    lines = [indent + first]
    for option in options:
        if len(f"{lines[-1]} {option} \\") <= width:
            lines[-1] += f" {option}"
        else:
            lines[-1] += " \\"
            lines.append(f"{indent}      {option}")
    lines[-1] += " \\" * continued
    return [*lines, *paragraph(remark, width, f"{indent}      ")]


class Parser(argparse.ArgumentParser):
    """argparse without the usage page before every error, and without abbreviated options."""

    def __init__(self, program: str, description: str) -> None:
        super().__init__(
            prog=program,
            description=description,
            allow_abbrev=False,
            formatter_class=HelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Raise UserError with a pointer to --help."""
        raise UserError(f"{message} (see {self.prog} --help)")

    def parse(self, argv: list[str]) -> argparse.Namespace:
        """Parse the arguments. Raises UserError, which suggests the nearest option for an unknown one."""
        empty = next((argument for argument in argv if argument.startswith("--") and argument.endswith("=--")), None)
        if empty:  # argparse makes an empty list of it, whatever the option's type
            self.error(f"{empty.removesuffix('=--')}: a value is expected, not '--'")
        args, unknown = self.parse_known_args(argv)
        if unknown and not unknown[0].startswith("-"):
            self.error(f"one argument too many: {unknown[0]!r}")
        if unknown:
            self.error(f"unknown option {unknown[0]}{self._hint(unknown[0].split('=')[0])}")
        return args

    def _check_value(self, action: argparse.Action, value: object) -> None:
        """Argparse's own, with a hint."""
        if action.choices is not None and value not in action.choices:
            hint = did_you_mean(str(value), map(str, action.choices))
            raise argparse.ArgumentError(action, f"there is no {value!r}{hint}")

    def _hint(self, option: str) -> str:
        options = [o for action in self._actions for o in action.option_strings if o.startswith("--")]
        name = option.lower().replace("_", "-")
        if name in ELSEWHERE:
            return f"; {ELSEWHERE[name]}"
        meant = closest(option, [*options, "--version"])
        return f"; did you mean {meant!r}?" if meant else ""


def add_task_options(
    parser: argparse.ArgumentParser, *, data: str = "", offline: bool = True
) -> argparse._ArgumentGroup:
    """Declare --task-dir, --include-path and, with a help text for --data, --data and --offline, as a group of options.

    `main.run_command` does the rest. Returns the group, for further options about tasks and data.
    """
    group = parser.add_argument_group("tasks and data" if data else "tasks")
    if data:
        group.add_argument("--data", type=Path, metavar="ROOT", help=data)
    group.add_argument(
        "--task-dir",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="a folder with task files of your own, beside the shipped ones; may be repeated",
    )
    group.add_argument(
        "--include-path",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="a folder with tasks written for lmms-eval, for names like lmms:my_task; may be repeated",
    )
    if data and offline:
        group.add_argument("--offline", action="store_true", help="use what is on this machine, never the network")
    return group


def expand_and_tell(names: Sequence[str]) -> list[str]:
    """The tasks of these names, with a line on standard error for each group that is not what it was.

    Raises UserError for a name that is neither a task nor a group.
    """
    from emma_eval.tasks.index import expand_tasks, group_remarks

    tasks = expand_tasks(names)
    for remark in group_remarks(names):
        print_message(f"note: {remark}")
    return tasks


def add_model_option(parser: argparse._ActionsContainer) -> None:
    """Declare --model-option, the options of the model's own."""
    parser.add_argument(
        "--model-option",
        action="append",
        default=[],
        type=key_value,
        metavar="K=V",
        help="an option of the model's own; may be repeated",
    )


def add_model_options(parser: argparse._ActionsContainer) -> None:
    """Declare --model-option and --base-url; `named_options` gives their values."""
    add_model_option(parser)
    parser.add_argument("--base-url", metavar="URL", help="of openai:NAME, the server: http://127.0.0.1:8000/v1")


def named_options(args: argparse.Namespace) -> dict[str, str]:
    """The options of the model's own, name -> value."""
    return dict(args.model_option) | ({} if args.base_url is None else {"base_url": args.base_url})


def key_value(text: str) -> tuple[str, str]:
    """The type of an option that takes OPTION=VALUE."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form OPTION=VALUE")
    return key, value


def require_folder(option: str, path: Path | None) -> None:
    """Raise UserError unless the folder is there, or none is named; to be called before any work is done."""
    if path is not None and not path.is_dir():
        raise UserError(f"{option} {path}: no such folder")


def require_place(option: str, path: Path | None) -> None:
    """Raise UserError unless a file can be written at the path; to be called before any work is done."""
    if path is None:
        return
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UserError(f"{option} {path}: a file in a folder that exists is expected")
    from tempfile import NamedTemporaryFile

    try:
        NamedTemporaryFile(dir=path.absolute().parent, prefix=path.name).close()
    except OSError as error:
        raise UserError(f"{option} {path}: no file can be written there: {error.strerror}") from error


def positive(text: str) -> int:
    """An integer above zero."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 18 or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def not_negative(text: str) -> int:
    """An integer of zero or more."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def positive_or(*words: str) -> Callable[[str], int | str]:
    """The type of an option that takes an integer above zero or one of these words."""

    def parse(text: str) -> int | str:
        if text in words:
            return text
        try:
            return positive(text)
        except argparse.ArgumentTypeError as error:
            raise argparse.ArgumentTypeError(", nor ".join([str(error), *words])) from error

    return parse


def integer(text: str) -> int:
    """An integer of 64 bits, as torch's seeds are."""
    if not (text.isascii() and text.removeprefix("-").isdecimal()) or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at most 18 digits")
    return int(text)
