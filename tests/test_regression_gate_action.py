"""The GitHub action: its steps as a runner would start them, with a run of the shipped model; only pip is left out."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from emma_eval.results.baseline import write_baseline
from emma_eval.utils.yaml_io import read_yaml
from tests.fakes import FakeEngine, run_pope, write_pope

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "actions" / "regression-gate"
ACTION = read_yaml(FOLDER / "action.yml")
STEPS = [step for step in ACTION["runs"]["steps"] if "run" in step]

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not on this machine")


class Runner:
    """What GitHub's runner does with the steps of a composite action."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.summary, self.output = folder / "summary.md", folder / "output"
        program = self.program = (
            folder / "temp" / "regression-gate" / "venv" / "bin" / "emma-eval"
        )  # in place of what pip makes
        program.parent.mkdir(parents=True)
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "run_eval.py"}" "$@"\n')
        program.chmod(0o755)

    def run(self, **given: str) -> tuple[int, str]:
        """The exit code of the first step that fails, or 0, and what all printed."""
        defaults = {name: about.get("default", "") for name, about in ACTION["inputs"].items()}
        values = {f"inputs.{name}": text for name, text in (defaults | given).items()}
        values["runner.temp"] = str(self.folder / "temp")
        environment = os.environ | {
            "GITHUB_ACTION_PATH": str(FOLDER),
            "GITHUB_OUTPUT": str(self.output),
            "GITHUB_STEP_SUMMARY": str(self.summary),
        }
        printed = ""
        for step in STEPS[1:]:
            own = {
                name: re.sub(r"\$\{\{ (.+?) \}\}", lambda match: values[match[1]], text)
                for name, text in step["env"].items()
            }
            command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
            done = subprocess.run(
                command, env=environment | own, cwd=self.folder, capture_output=True, text=True, check=False
            )
            printed += done.stdout + done.stderr
            if done.returncode:
                return done.returncode, printed
        return 0, printed

    def outputs(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.output.read_text().splitlines())


class Perfect(FakeEngine):
    """Right on the files of `write_pope`, where every other question's answer is yes."""

    def respond(self, request):
        number = int(request.instruction.rstrip("?").split()[-1])
        return replace(super().respond(request), text="no" if number % 2 else "yes")


@pytest.fixture(scope="module")
def asked(tmp_path_factory) -> dict[str, str]:
    """Inputs of a gate on twelve questions about red squares, whose baseline answers them all as the file does."""
    folder = tmp_path_factory.mktemp("asked")
    write_pope(folder / "data")
    run_pope(folder / "data", folder / "run", Perfect())
    baseline = write_baseline(folder / "run", folder / "baseline.json.xz")
    arguments = "--allow-partial --device cpu"
    return {"tasks": "pope", "data": str(folder / "data"), "baseline": str(baseline), "arguments": arguments}


def test_the_verdict_follows_the_tolerances_and_is_left_behind(asked, tmp_path):
    """Started again, the gate asks nothing twice."""
    runner = Runner(tmp_path)
    for effect, verdict in ((0, "failed"), (100, "passed")):
        (tmp_path / "tolerances.yaml").write_text(f"alpha: 1\nsmallest_effect: {effect}\n")
        code, printed = runner.run(**asked, tolerances="tolerances.yaml")
        assert (code, f"regression gate {verdict}" in printed) == (int(verdict == "failed"), True), printed
        assert f"# Regression gate {verdict}" in runner.summary.read_text()
        outputs = runner.outputs()
        assert outputs.keys() == ACTION["outputs"].keys()
        assert Path(outputs["run"], "scores.json").is_file()
        assert f"# Regression gate {verdict}" in Path(outputs["markdown"]).read_text()
        failures = ElementTree.parse(outputs["junit"]).getroot().find("testsuite").get("failures")
        assert (failures != "0") == (verdict == "failed")


def test_a_missing_baseline_is_told_before_anything_runs(tmp_path):
    code, printed = Runner(tmp_path).run(baseline="nowhere.json.xz")
    assert (code, printed.count("\n")) == (2, 1)
    assert "::error::there is no baseline nowhere.json.xz" in printed


def commands(printed: str) -> list[str]:
    """The lines that GitHub's runner would obey: none between `::stop-commands::TOKEN` and `::TOKEN::`."""
    obeyed, token = [], ""
    for line in map(str.strip, printed.splitlines()):
        if token:
            token = "" if line == f"::{token}::" else token
        elif line.startswith("::stop-commands::"):
            token = line.removeprefix("::stop-commands::")
            assert re.fullmatch(r"[0-9a-f]{32}", token)
        elif line.startswith("::") or "##[" in line:
            obeyed.append(line)
    assert not token, "commands are never listened to again"
    return obeyed


@pytest.mark.parametrize("code", [0, 1, 2])
def test_no_output_of_the_program_is_a_command_to_the_runner(tmp_path, code):
    runner = Runner(tmp_path)
    (tmp_path / "baseline.json").touch()
    evil = "::set-output name=run::/etc\n  ::add-mask::a\n::error::x\n##[error]y\n::0::"
    runner.program.write_text(f"#!/bin/sh\nprintf '%s' '{evil}'\nexit {code}\n")
    given, printed = runner.run(baseline="baseline.json")
    assert given == code
    assert "##[error]y" in printed
    assert commands(printed) == (["::warning::some samples have no answer; they count as wrong"] if code == 1 else [])


def test_no_input_is_put_into_a_script():
    """A name with a quote or $(...) in it would be run as a command."""
    assert not [step["name"] for step in STEPS if "${{" in step["run"]]


def test_the_workflow_of_this_repository_gives_inputs_that_there_are():
    (job,) = read_yaml(ROOT / ".github" / "workflows" / "regression.yml")["jobs"].values()
    (step,) = (step for step in job["steps"] if step["uses"].startswith("./"))
    assert Path(step["uses"]) == FOLDER.relative_to(ROOT)
    assert step["with"].keys() <= ACTION["inputs"].keys()
    assert all((ROOT / path).is_file() for path in step["with"].values())
