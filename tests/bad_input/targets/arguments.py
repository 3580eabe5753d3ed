"""Command lines with a wrong option, value, name or file."""

from __future__ import annotations

import contextlib
import io
import os
import random
from dataclasses import dataclass
from pathlib import Path

from emma_eval.cli.main import main
from emma_eval.errors import UserError
from tests.bad_input.mutations import misspelt
from tests.bad_input.outcome import Outcome, Target, require, require_good_message
from tests.fakes import quiz_row, run_pope, write_pope, write_quiz

NOTHING_HEAVY = "no-such-model"  # of which every `run` must say so before anything else is loaded
COMMANDS = (
    "run --model MODEL --tasks quiz --task-dir TASKS --data DATA --output OUT --limit 3 --batch-size 2 --seed 1 --name x",
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
    "check quiz --task-dir TASKS --data DATA",
    "list tasks --task-dir TASKS",
    "merge RUN RUN --data DATA --output OUT",
    "submit quiz RUN --output OUT",
    "params MODEL",
    "data status quiz --task-dir TASKS --data DATA",
    "completion bash",
)
WRONG_VALUES = ("", " ", "-", "--", "-1", "0", "nan", "inf", "1e400", "9" * 5000, "x" * 5000, "\ud800", "\x1b[31m", "a\nb", "=",
                "K=", "=V", "1/0", "3/2", "0/0", "101%", "/dev/null", "/dev/zero", "/nowhere/x", "..", "~nobody-at-all", "none",
                "[]", "{}", "%s", "$HOME", "`id`", "; id", "\0", "٣", "１", "../../../etc/passwd", "http://x:y@z/", "quiz:quiz")  # fmt: skip
WITHOUT_A_NUMBER = (
    "--limit",
    "--batch-size",
    "--seed",
    "--replicas",
    "--max-new-tokens",
    "--flips",
    "--detect",
    "--shard",
    "--max-errors",
)
NEVER_NUMBERS = (
    "",
    " ",
    "-",
    "nan",
    "x" * 5000,
    "\ud800",
    "=",
    "1e400",
    "inf",
    "..",
    "[]",
    "%s",
    "\0",
    "0/0",
    "3/2",
    "none",
)


@dataclass(frozen=True)
class Place:
    """The folder with what the command lines name."""

    folder: Path
    words: dict[str, str]


def prepare(folder: Path) -> Place:
    """Data, a task, answers, a run, a file."""
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
        assert "error: " in said or said.strip(), f"exit code 2 without a word: {argv}"
        require_good_message(" ".join(message.split()))
        raise UserError("refused")
    return Outcome.SAME if code == 0 else Outcome.TOLD


def _malformed(argv: list[str], rng: random.Random) -> tuple[list[str], bool]:
    """The command line with one thing wrong, and whether no value makes that right."""
    command, *rest = argv
    options = [place for place, word in enumerate(rest) if word.startswith("--")]
    kind = rng.choice(("value", "value", "number", "option", "unknown", "gone", "more", "command"))
    if kind == "number" and (numbers := [place for place in options if rest[place] in WITHOUT_A_NUMBER]):
        place = rng.choice(numbers)
        return [command, *rest[:place], f"{rest[place]}={rng.choice(NEVER_NUMBERS)}", *rest[place + 2 :]], True
    if kind == "option" and options:
        place = rng.choice(options)
        return [command, *rest[:place], "--" + misspelt(rest[place][2:], rng) + "x", *rest[place + 1 :]], True
    if kind == "unknown":
        return [command, *rest, rng.choice(("--no-such-option", "-Z", "--no-such=1"))], True
    if kind == "gone":
        place = rng.randrange(len(rest))
        return [command, *rest[:place], *rest[place + 1 :]], False
    if kind == "more":
        return [command, *rest, rng.choice(WRONG_VALUES)], False
    if kind == "command":
        return [misspelt(command, rng) + "x", *rest], True
    place = rng.randrange(len(rest))
    return [command, *rest[:place], rng.choice(WRONG_VALUES), *rest[place + 1 :]], False


TARGET = Target(
    name="arguments",
    what="command lines of 20 commands with a wrong value, an unknown option or command, too few or too many words",
    wrong="success (exit code 0) of an unknown option or command, or of a number that is none; control characters printed",
    count=400,
    prepare=prepare,
    examine=examine,
)
