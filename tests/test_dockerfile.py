"""The Dockerfile: what it copies exists, is tracked, sent to the build and enough; its requirements are ours."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SOURCES = [path for line in re.findall(r"^COPY (.+)$", TEXT, re.MULTILINE) for path in shlex.split(line)[:-1]]


def test_every_source_exists_and_is_tracked():
    assert "emma_eval" in SOURCES
    for source in SOURCES:
        listed = subprocess.run(["git", "-C", ROOT, "ls-files", source], capture_output=True, text=True, check=False)
        if listed.returncode:
            pytest.skip("not in a git checkout")
        assert listed.stdout, source


def test_every_source_is_sent_to_the_build_and_nothing_else():
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == set(SOURCES)


def test_what_the_wheel_is_made_of_is_copied():
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], PROJECT["project"]["readme"]}
    needed |= set(PROJECT["project"]["license-files"])
    assert needed <= set(SOURCES)


def test_the_requirements_are_those_of_the_project():
    (program,) = re.findall(r'python -c "(.+?)" > requirements.txt', TEXT)
    extras = re.findall(r"^ARG EXTRAS=(.+)$", TEXT, re.MULTILINE)[0]
    program = program.replace("${EXTRAS}", extras)
    listed = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    optional = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *(line for extra in extras.split(",") for line in optional[extra])]
    assert listed.splitlines() == wanted


def test_versions_are_pinned_and_no_image_runs_as_root():
    installs = re.findall(r"pip install [^&\n]+", TEXT)
    assert len(installs) == 2
    assert all("--constraint constraints.txt" in command or "--no-deps" in command for command in installs)
    for stage in re.split(r"^FROM ", TEXT, flags=re.MULTILINE)[1:]:
        users = re.findall(r"^USER (\S+)", stage, re.MULTILINE)
        assert not users or users[-1] == "1000"
