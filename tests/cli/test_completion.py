"""`completion`: the scripts in real shells. bash and fish are asked for candidates; zsh is typed into."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time

import pytest

from emma_eval.cli.main import main

pytest.importorskip("shtab")

ASKED = [  # (what is typed, what must be offered, what must not)
    ("comp", {"compare", "completion"}, {"run"}),
    ("run --tas", {"--tasks", "--task-dir"}, {"--data"}),
    ("run --tasks gqa", {"gqa", "gqa_mini"}, {"pope"}),
    ("run --tasks pope,gqa", {"pope,gqa", "pope,gqa_mini"}, {"gqa"}),
    ("--tasks gqa", {"gqa", "gqa_mini"}, {"pope"}),  # `run` is the default
    ("run --model emma-", {"emma-mini"}, {"llava-mini"}),
    ("explain pope", {"pope", "pope_mini"}, {"general"}),
    ("data fetch pope mm", {"mme", "mmvp"}, {"pope"}),
    ("list mo", {"models"}, {"tasks"}),
]
PLACES = [("report results/runs/em", "results/runs/emma-a"), ("run --model che", "checkpoint")]


def script(shell: str, capsys, *options: str) -> str:
    assert main(["completion", shell, *options]) == 0
    return capsys.readouterr().out


def need(shell: str) -> str:
    return shutil.which(shell) or pytest.skip(f"{shell} is not on this machine")


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "results/runs/emma-a").mkdir(parents=True)
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checksum.txt").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def bash_offers(lines: list[str]) -> list[set[str]]:
    """What bash has in COMPREPLY after each of the lines, whose last word is being typed."""
    ask = (
        'ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _shtab_emma_eval; printf "%s|" "${COMPREPLY[@]}"; echo; }\n'
    )
    program = f"source ./script\n{ask}\n" + "".join(f"ask emma-eval {line}\n" for line in lines)
    told = subprocess.run([need("bash"), "-c", program], capture_output=True, text=True, check=True)
    assert not told.stderr
    return [set(line.split("|")) - {""} for line in told.stdout.splitlines()]


def test_bash_offers_names_options_and_folders(here, capsys):
    (here / "script").write_text(script("bash", capsys))
    lines = [line for line, *_ in ASKED] + [line for line, _ in PLACES]
    for (line, wanted, unwanted), offered in zip(ASKED, bash_offers(lines), strict=False):
        assert wanted <= offered, line
        assert not unwanted & offered, line
    assert bash_offers([line for line, _ in PLACES]) == [{place} for _, place in PLACES]


def test_fish_offers_the_same(here, capsys):
    fish = need("fish")
    (here / "script").write_text(script("fish", capsys))
    for line, wanted, unwanted in [*ASKED, *((line, {f"{place}/"}, {"checksum.txt"}) for line, place in PLACES)]:
        command = ["-c", f"source ./script; complete -C 'emma-eval {line}'"]
        told = subprocess.run([fish, "--no-config", *command], capture_output=True, text=True, check=True)
        offered = {row.partition("\t")[0] for row in told.stdout.splitlines()}
        assert wanted <= offered, line
        assert not unwanted & offered, line


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("emma-eval complet", "emma-eval completion"),
        ("emma-eval run --tasks pope,gqa_", "emma-eval run --tasks pope,gqa_mini"),
        ("emma-eval data fetch pope mme_", "emma-eval data fetch pope mme_mini"),
        ("emma-eval report results/runs/emma-a che", "emma-eval report results/runs/emma-a checkpoint/"),
    ],
)
def test_zsh_completes_what_is_typed(typed, completed, here, capsys):
    need("zsh")
    (here / "_emma-eval").write_text(script("zsh", capsys))
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, "TERM": "dumb", "COLUMNS": "200"})
    try:
        start = f"fpath=({here} $fpath); autoload -U compinit; compinit -u -D; print rea''dy\n"
        os.write(terminal, start.encode())
        assert "ready" in read(terminal, "ready\r")
        os.write(terminal, f"{typed}\t".encode())
        assert completed in read(terminal, completed)
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


def read(terminal: int, until: str, seconds: float = 20) -> str:
    text, end = "", time.monotonic() + seconds
    while until not in text and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            text += os.read(terminal, 4096).decode(errors="replace")
    return text


def test_tasks_of_your_own_are_offered(here, capsys):
    (here / "tasks").mkdir()
    (here / "tasks" / "my_quiz.yaml").touch()
    (here / "script").write_text(script("bash", capsys, "--task-dir", "tasks"))
    assert bash_offers(["run --tasks my_"]) == [{"my_quiz"}]


def test_without_shtab_one_line_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "bash"]) == 2
    assert capsys.readouterr().err == "error: completion needs the package shtab: pip install shtab\n"
