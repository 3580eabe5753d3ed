"""Everything that the commands print fits the terminal, whatever its width, without a cut number or name.

A line is wider only for a word that must stay whole, such as a path.
"""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from emma_eval.cli.main import COMMANDS as NAMES
from emma_eval.cli.main import main
from emma_eval.reports.run_summary import MAX_LINES
from tests.fakes import FakeEngine, FakeHandle

ROOT = Path(__file__).parents[2]
WIDTHS = (60, 80, 120)
TASKS = "vqav2_mini,gqa_mini,mmbench_mini,mme_mini,pope_mini"
LONG_NAME = "a-model-with-quite-a-long-name, trained twice"
COMMANDS = (
    "compare good bad --flips 3",
    "regress bad --baseline good --tolerances t.yaml",
    "regress bad --baseline good --all",
    "baseline good --output b.json",
    "leaderboard good bad",
    "leaderboard good bad --tasks all --sources --columns params,data,adaptation",
    "leaderboard good --tasks all --strict --sources",
    "plan pope_mini --detect 5",
    "data status pope gqa amber_discriminative --data .",
    "watch good",
    "watch good --once",
    "score --task pope_mini --predictions good/responses/pope_mini.jsonl --limit 12",
    "score --task mme_mini --predictions good/responses/mme_mini.jsonl --limit 12 --all",
    "list tasks",
    "list models --long",
    "list groups",
    "explain pope",
    "explain mme",
    "explain mmbench_en",
    "explain mathvista_emma",
    "show mmbench_mini",
    "check pope_mini mme_mini",
    "params emma-mini llava-mini",
    "params emma-mini --latency --repeats 2",
    "ablate emma-mini --tasks pope_mini,gqa_mini --limit 12 --variants text_off,no_image --output ablated",
    "analyze emma-mini --tasks pope_mini --samples 12 --sections norms,movement,information --output analyzed",
    "robustness emma-mini --tasks pope_mini,seed_mini --limit 12 --variants leading_yes,rotated_3 --output robust",
)


class Wrong(FakeEngine):
    """Another answer to every third question, none to the tenth."""

    def respond(self, request):
        number = self.requests.index(request)
        text = "zzz" if number % 3 == 0 else "No"
        return replace(super().respond(request), text=text)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two small runs on tasks of the mini suite, `good` and `bad`, as the current folder sees them."""
    folder = tmp_path_factory.mktemp("widths")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, engine in (("good", FakeEngine()), ("bad", Wrong())):
            patch.setattr("emma_eval.models.find_model", lambda spec, engine=engine: FakeHandle(engine))
            called = ["--name", LONG_NAME] if name == "good" else []
            given = ["--model", "fake", "--tasks", TASKS, "--limit", "12", "--output", name, *called]
            assert main(["run", *given]) == 0
    (folder / "t.yaml").write_text("alpha: 1\n")
    return folder


def too_wide(text, width):
    """Lines wider than the width that could have been broken."""
    lines = text.splitlines()
    return [line for line in lines if len(line) > width and len(line.strip().split(" ")) > 1]


@pytest.fixture(params=WIDTHS)
def width(request, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(request.param))
    return request.param


@pytest.mark.parametrize("command", COMMANDS)
def test_every_line_fits(command, width, runs, monkeypatch, capsys):
    monkeypatch.chdir(runs)
    assert main(command.split()) in (0, 1)
    shown = capsys.readouterr().out
    assert shown
    assert not too_wide(shown, width)
    assert "…" not in shown


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("command", ["", *NAMES])
def test_every_help_fits(command, width, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    assert main([*command.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown
    assert not [line for line in too_wide(shown, width) if '"' not in line]  # quoted, an example stays whole


def test_an_example_that_is_too_wide_can_still_be_copied(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["merge", "--help"]) == 0
    text = capsys.readouterr().out
    copied = text[text.index("  emma-eval run") : text.index("  emma-eval merge shards")].replace("\\\n", "")
    command = copied.strip().splitlines()[0]
    wanted = "emma-eval run --model M --tasks general --data ROOT --output shards/1 --shard 1/4"
    assert command.split() == wanted.split()


def test_a_run_ends_in_at_most_25_lines_that_fit(width, runs, monkeypatch, capsys):
    monkeypatch.chdir(runs)
    monkeypatch.setattr("emma_eval.models.find_model", lambda spec: FakeHandle(FakeEngine()))
    assert main(["run", "--model", "fake", "--tasks", TASKS, "--limit", "12", "--output", "good"]) == 0
    shown = capsys.readouterr().out
    assert len(shown.strip().splitlines()) <= MAX_LINES
    assert not too_wide(shown, width)
    assert "…" not in shown


def test_regress_shows_what_did_not_pass_and_a_count(runs, monkeypatch, capsys):
    monkeypatch.chdir(runs)
    assert main(["regress", "good", "--baseline", "good"]) == 0
    shown = capsys.readouterr().out
    assert len(shown.splitlines()) <= 4
    assert "pass" not in shown.split("regression gate")[0]
    assert main(["regress", "good", "--baseline", "good", "--all"]) == 0
    assert "pope_mini" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["compare good bad", "watch good", "list tasks", "explain pope"])
def test_dumb_terminals_and_other_encodings_are_served(command, runs):
    wanted = {"PYTHONIOENCODING": "ascii", "TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "80", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(ROOT / "run_eval.py"), *command.split()],
        cwd=runs,
        env=os.environ | wanted,
        capture_output=True,
        check=True,
    )
    text = done.stdout.decode("ascii")
    assert "\x1b" not in text
    assert "\\u" not in text  # nothing of our own had to be escaped
    assert not done.stderr
