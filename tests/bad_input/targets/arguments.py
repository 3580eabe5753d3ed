"""Command lines with a wrong option, value, name or file."""

from __future__ import annotations

import contextlib
import io
import os
import random
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from emma_eval.cli.main import main
from emma_eval.errors import UserError
from tests.bad_input.mutations import misspelt
from tests.bad_input.outcome import Outcome, Target, require, require_good_message
from tests.fakes import quiz_row, run_pope, write_pope, write_quiz

NOTHING_HEAVY = "no-such-model"  # of which every `run` must say so before anything else is loaded
COMMANDS = (
    "run --model MODEL --tasks quiz --task-dir TASKS --data DATA --output OUT --limit 3 --batch-size 2 --seed 1",
    "run --model MODEL --tasks pope_mini --max-errors 5% --shard 1/2 --replicas 2 --output OUT",
    "ask --model MODEL --image IMAGE --max-new-tokens 5 What?",
    "score --task quiz --task-dir TASKS --data DATA --predictions ANSWERS --limit 2 --json OUT",
    "compare RUN RUN --flips 2 --json OUT",
    "plan quiz --task-dir TASKS --data DATA --detect 1.0",
    "leaderboard RUN RUN --output OUT",
    "baseline RUN --output OUT",
    "regress RUN --baseline FILE",
    "watch RUN --once",
    "export RUN --format csv --output OUT",
    "show quiz --task-dir TASKS --data DATA --sample 1",
    "explain quiz --task-dir TASKS",
    "check quiz quiz --task-dir TASKS --data DATA",  # without any, all tasks are checked
    "list tasks --task-dir TASKS",
    "merge RUN RUN --data DATA --output OUT",
    "submit quiz RUN --output OUT",
    "params MODEL",
    "data status quiz --task-dir TASKS --data DATA",
    "completion bash",
)
WRONG_VALUES = (
    "", " ", "-", "--", "-1", "0", "nan", "inf", "1e400", "9" * 5000, "x" * 5000, "\udcff", "\x1b[31m", "a\nb", "=",
    "K=", "=V", "1/0", "3/2", "0/0", "101%", "/dev/null", "/dev/zero", "/nowhere/x", "..", "~nobody-at-all", "none",
    "[]", "{}", "%s", "$HOME", "`id`", "; id", "\u0663", "\uff11", "../../../etc/passwd", "http://x:y@z/", "quiz:quiz",
)  # fmt: skip
OF_NUMBERS = ("--limit", "--batch-size", "--seed", "--replicas", "--max-new-tokens", "--flips", "--detect", "--shard",
              "--max-errors")  # fmt: skip
NO_NUMBERS = ("", " ", "-", "nan", "x" * 5000, "\udcff", "=", "1e400", "inf", "..", "[]", "%s", "0/0", "3/2", "none")


@dataclass(frozen=True)
class Place:
    """The folder with what the command lines name."""

    folder: Path
    words: dict[str, str]


def prepare(folder: Path) -> Place:
    """Data, a task, answers, a run, a file. What takes seconds to import is imported here."""
    for name in ("torch", "datasets", "pandas", "emma_eval.inference.loading"):
        import_module(name)
    os.chdir(folder)
    os.environ["EMMA_CACHE"] = str(folder / "cache")
    write_quiz(folder, [quiz_row(number) for number in range(4)])
    (folder / "answers.jsonl").write_text("".join(f'{{"id": "{number}", "text": "red"}}\n' for number in range(4)))
    write_pope(folder / "data")
    run_pope(folder / "data", folder / "run")
    words = {"DATA": "data", "TASKS": "tasks", "ANSWERS": "answers.jsonl", "RUN": "run", "IMAGE": "data/img/a.png",
             "OUT": "out", "FILE": "answers.jsonl", "MODEL": NOTHING_HEAVY}  # fmt: skip
    return Place(folder, words)


def examine(place: Place, rng: random.Random) -> Outcome:
    """Put one thing wrong into a command line and run it in this process."""
    argv = [place.words.get(word, word) for word in rng.choice(COMMANDS).split()]
    argv, is_never_right = _malformed(argv, rng)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(argv)
    said = err.getvalue()
    require(code in (0, 1, 2), f"exit code {code} of {argv}")
    assert "Traceback" not in out.getvalue() + said, said
    require(not {"\x1b", "\x07"} & set(out.getvalue() + said), f"control characters are printed of {argv}")
    require(not (is_never_right and code == 0), f"success, though it is malformed: {argv}")
    if code == 2:
        message = said.strip().rpartition("error: ")[2]
        assert (said + out.getvalue()).strip(), f"exit code 2 without a word: {argv}"
        require_good_message(" ".join(message.split()) or "told on standard output")
        raise UserError("refused")
    return Outcome.SAME if code == 0 else Outcome.TOLD


def _malformed(argv: list[str], rng: random.Random) -> tuple[list[str], bool]:
    """The command line with one thing wrong, and whether no value makes that right."""
    command, *rest = argv
    options = [place for place, word in enumerate(rest) if word.startswith("--")]
    numbers = [place for place in options if rest[place] in OF_NUMBERS]
    kind = rng.choice(("value", "value", "number", "number", "option", "unknown", "gone", "more", "command"))
    of_kind = {"number": numbers, "option": options}.get(kind) or range(len(rest))
    place = rng.choice(of_kind)
    word, before, after = rest[place], rest[:place], rest[place + 1 :]
    is_option = word.startswith("--")
    lines = {
        "value": ([command, *before, rng.choice(WRONG_VALUES), *after], False),
        "number": ([command, *before, f"{word}={rng.choice(NO_NUMBERS)}", *after[1:]], bool(numbers)),
        "option": ([command, *before, f"--{misspelt(word[2:], rng)}x" if is_option else "--x", *after], True),
        "unknown": ([command, *rest, rng.choice(("--no-such-option", "-Z", "--no-such=1"))], True),
        "gone": ([command, *before, *after], False),
        "more": ([command, *rest, rng.choice(WRONG_VALUES)], False),
        "command": ([misspelt(command, rng) + "x", *rest], True),
    }
    return lines[kind]


TARGET = Target(
    name="arguments",
    what="command lines of 20 commands with a wrong value, an unknown option or command, too few or too many words",
    wrong="success (exit code 0) of an unknown option or command, or of a number that is none; control characters",
    count=400,
    prepare=prepare,
    examine=examine,
)
