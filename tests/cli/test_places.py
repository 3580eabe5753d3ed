"""Every command writes below the current folder or where an option says, never into the program's own files.

The commands run in an empty folder, with a read-only copy of the checkout.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PARTS = ("emma_eval", "tasks", "results", "pyproject.toml", "run_eval.py")  # the parts of a checkout that commands read

COMMANDS = [
    ["run", "--tasks", "pope_mini", "--limit", "4", "--device", "cpu"],
    ["run", "--tasks", "pope_mini", "--limit", "4", "--device", "cpu", "--seed", "1", "--name", "my run"],
    ["leaderboard", "RUN"],
    ["report", "RUN"],
    ["report", "RUN", "--figures", "figures"],
    ["baseline", "RUN"],
    [
        "regress",
        "RUN",
        "--baseline",
        "results/baselines/emma-mini.json.xz",
        "--junit",
        "gate.xml",
        "--markdown",
        "gate.md",
    ],
    ["compare", "RUN", "RUN", "--json", "comparison.json"],
    ["watch", "RUN", "--once"],
    ["score", "--task", "pope_mini", "--predictions", "PREDICTIONS", "--allow-partial", "--json", "scores.json"],
    ["show", "pope_mini"],
    ["explain", "pope"],
    ["check", "pope_mini"],
    ["data", "status", "pope", "--data", "."],
    ["list", "tasks"],
    ["schema"],
]

SCRIPT = """
import json, sys
sys.path[:0] = [sys.argv[1]]
from pathlib import Path
import emma_eval
from emma_eval.cli.main import main
assert Path(emma_eval.__file__).is_relative_to(sys.argv[1])
for command in json.loads(sys.argv[2]):
    patterns = {"PREDICTIONS": "results/runs/*/responses/pope_mini.jsonl", "RUN": "results/runs/*"}
    values = {word: str(sorted(Path().glob(pattern))[0]) for word, pattern in patterns.items() if word in command}
    print(command, main([values.get(word, word) for word in command]), file=sys.stderr)
"""


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file and folder with its time and size."""
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in folder.rglob("*")
    }


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A read-only checkout."""
    copy = tmp_path_factory.mktemp("checkout")
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__", "runs"))
        else:
            shutil.copy(ROOT / part, copy / part)
    (copy / "results" / "runs").mkdir(exist_ok=True)  # where earlier versions wrote runs
    shutil.copytree(ROOT / "emma_eval" / "runs", copy / "emma_eval" / "runs", dirs_exist_ok=True)
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    return copy


def call(checkout: Path, folder: Path, commands: list[list[str]]) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", "MPLCONFIGDIR": str(folder / ".matplotlib")}
    return subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT, str(checkout), json.dumps(commands)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def workplace(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that the commands ran in, and their stderr; the checkout is unchanged."""
    folder = tmp_path_factory.mktemp("workplace")
    before = contents(checkout)
    done = call(checkout, folder, COMMANDS)
    assert done.returncode == 0, done.stderr
    assert contents(checkout) == before
    return folder, done.stderr


def test_every_command_succeeds(workplace):
    lines = [line for line in workplace[1].splitlines() if line.startswith("['")]
    assert len(lines) == len(COMMANDS)
    assert [line for line in lines if not line.endswith("] 0")] == []


def test_results_are_written_below_the_current_folder(workplace):
    folder, _ = workplace
    written = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {
        "results/leaderboard/leaderboard.md",
        "results/report/index.html",
        "results/baselines/emma-mini.json.xz",
        "gate.xml",
        "gate.md",
        "comparison.json",
        "scores.json",
        "figures/scores.png",
    } <= written
    assert len([path for path in written if path.endswith("manifest.json")]) == 2
    assert {path.split("/")[0] for path in written} <= {
        *("results", "figures", "gate.xml", "gate.md", "comparison.json", "scores.json", ".matplotlib"),
    }


def test_a_baseline_is_replaced_only_with_output(workplace, checkout):
    folder, _ = workplace
    path = folder / "results" / "baselines" / "emma-mini.json.xz"
    before = path.read_bytes(), path.stat().st_mtime_ns
    done = call(checkout, folder, [["baseline", "RUN"]])
    assert (
        "results/baselines/emma-mini.json.xz is there already; --output results/baselines/emma-mini.json.xz replaces it"
        in (done.stderr)
    )
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    done = call(checkout, folder, [["baseline", "RUN", "--output", "results/baselines/emma-mini.json.xz"]])
    assert path.stat().st_mtime_ns != before[1]


def test_run_in_the_checkout_itself_no_shipped_file_changes(checkout, tmp_path):
    """There the current folder is the checkout: the default outputs must not overwrite shipped files."""
    copy = tmp_path / "checkout"
    shutil.copytree(checkout, copy)
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    done = call(copy, copy, [COMMANDS[0], ["leaderboard", "RUN"], ["report", "RUN"], ["baseline", "RUN"]])
    assert "results/baselines/emma-mini.json.xz is there already" in done.stderr
    assert {path: path.read_bytes() for path in before} == before
    assert (copy / "results" / "leaderboard" / "leaderboard.md").exists()
