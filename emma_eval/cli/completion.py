"""`completion bash|zsh|fish`: a script that completes commands, options, tasks, models and folders in that shell.

The names are in the script, so completing starts no program.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from emma_eval.cli.arguments import add_task_options
from emma_eval.errors import UserError

EPILOG = """\
examples:
  emma-eval completion bash > ~/.local/share/bash-completion/completions/emma-eval
  emma-eval completion zsh > "${fpath[1]}/_emma-eval"
  emma-eval completion fish > ~/.config/fish/completions/emma-eval.fish

Write it again after an upgrade, or when tasks of your own (--task-dir) have changed."""

FOLDERS = {"RUN", "RUN_A", "RUN_B", "SHARD", "DIR", "ROOT"}  # metavars of options and arguments that name a folder
PLAIN = re.compile(r"[\w.-]+")  # a name that every shell reads as itself

FUNCTIONS = {  # what completes T,T,... and models; the folders beside models' names need `dir` in the name for bash
    "bash": """
_emma_eval_task_list() {
  local done=""
  [[ $1 == *,* ]] && done="${1%,*},"
  compgen -P "$done" -W "TASKS" -- "${1##*,}"
}
_emma_eval_models_dir() {
  compgen -W "MODELS" -- "$1"
  compgen -d -- "$1"
}
""",
    "zsh": """
_emma_eval_task_list() { _values -s , task TASKS }
_emma_eval_models_dir() { _alternative 'models:model:(MODELS)' 'folders:folder:_files -/' }
""",
    "fish": """
function _emma_eval_task_list
  set -l done (commandline -ct | string replace -r '[^,]*$' '')
  printf "$done%s\\n" TASKS
end
function _emma_eval_models_dir
  printf '%s\\n' MODELS
  __fish_complete_directories (commandline -ct)
end
""",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the shell, and --task-dir."""
    parser.epilog = EPILOG
    parser.add_argument("shell", choices=tuple(FUNCTIONS), help="your shell")
    add_task_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print the script. Raises UserError where shtab is not installed."""
    try:
        import shtab
    except ModuleNotFoundError as error:
        raise UserError("completion needs the package shtab: pip install shtab") from error
    from emma_eval.models import list_models
    from emma_eval.tasks.index import task_groups, task_names

    groups, tasks = (list(filter(PLAIN.fullmatch, names)) for names in (task_groups(), task_names()))
    words = {"TASKS": " ".join([*groups, *tasks]), "MODELS": " ".join(filter(PLAIN.fullmatch, list_models()))}
    functions = re.sub("TASKS|MODELS", lambda match: words[match[0]], FUNCTIONS[args.shell])
    parser = _whole_parser()
    for action in _actions(parser):
        _set_completer(action, groups, tasks, {args.shell: functions})
    script = shtab.complete(parser, args.shell, root_prefix="emma_eval")
    if args.shell == "zsh":  # shtab 1.13 has zsh complete the first of several arguments alone
        script = re.sub(r'^( +")\(\*\)::?', r"\1*:", script, flags=re.MULTILINE)
    print(script)
    return 0


def _whole_parser() -> argparse.ArgumentParser:
    """One parser of all commands; the default command's options are also understood without its name."""
    from emma_eval.cli.main import COMMANDS, DEFAULT_COMMAND, PROGRAM

    root = argparse.ArgumentParser(PROGRAM, description="multimodal benchmarks")
    commands = root.add_subparsers()
    for name, (module_name, summary) in COMMANDS.items():
        module = import_module(module_name)
        module.add_arguments(commands.add_parser(name, help=summary))
        if name == DEFAULT_COMMAND:
            module.add_arguments(root)
    return root


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
        else:
            yield action


def _set_completer(
    action: argparse.Action, groups: Sequence[str], tasks: Sequence[str], preamble: Mapping[str, str]
) -> None:
    """Say what completes an action's value, by its name in the help and its type; nothing where no one can know."""
    import shtab

    complete: Any = None
    if action.choices:
        return
    if action.dest == "task":
        action.choices = tasks
    elif action.metavar == "TASK":
        action.choices = [*groups, *tasks]
    elif action.dest in ("tasks", "model"):
        name = "_emma_eval_task_list" if action.dest == "tasks" else "_emma_eval_models_dir"
        complete = {"bash": name, "zsh": name, "fish": f"({name})", "preamble": preamble}
    elif action.metavar in FOLDERS:
        complete = shtab.DIRECTORY
    elif action.type is Path:
        complete = shtab.FILE
    if complete:
        action.complete = complete  # type: ignore[attr-defined]  # where shtab looks for it
    if isinstance(action.metavar, str):
        action.metavar = action.metavar.replace(":", " ")  # which zsh would take for its own
