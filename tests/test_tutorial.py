"""`docs/tutorial.md` followed to the letter: every file written, every command run, in order, in one empty folder."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from emma_eval.cli.main import main

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "tutorial.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", DOCUMENT, re.S | re.M)
INSTALL = "pip install -e ."


def follow(language: str, text: str) -> None:
    """Do in the current folder what a block of the page says."""
    if language == "python":
        exec(compile(text, "docs/tutorial.md", "exec"), {})
    elif language == "yaml":
        path = Path(re.match(r"# (\S+)\n", text)[1])
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    else:
        for command in commands(text):
            if command.startswith("emma-eval "):
                assert main(shlex.split(command)[1:]) == 0, command
            elif command != INSTALL:
                subprocess.run(["bash", "-ec", command], check=True)


def commands(text: str) -> list[str]:
    """The commands of a shell block; one goes on behind a backslash and within quotes."""
    found: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        if found and found[-1].count("'") % 2:
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return found


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """The folder in which all blocks were followed."""
    folder = tmp_path_factory.mktemp("tutorial")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("PYTHONPATH", str(ROOT))
        for language, text in BLOCKS:
            follow(language, text)
    return folder


def test_it_ends_with_the_table_and_the_page(walked):
    table = (walked / "table" / "leaderboard.tex").read_text("utf-8")
    assert "Shapes" in table
    for model in ("Baseline", "My EMMA"):
        assert re.search(rf"^{model}\b.* & .*\d+\.\d", table, re.M)
    assert (walked / "page" / "index.html").is_file()
    assert len((walked / "samples.csv").read_text("utf-8").splitlines()) > 240  # 40 and 200, and the head


def test_the_command_that_installs_is_the_one_that_ci_runs():
    assert DOCUMENT.count("pip install") == 1
    installs = re.findall(r"^pip install .*$", (ROOT / ".ci" / "run").read_text("utf-8"), re.M)
    assert INSTALL.split() == [word for word in installs[0].split() if word not in OF_CI]


OF_CI = {"--quiet", "--constraint", "constraints.txt"}


def test_every_kind_of_block_is_followed():
    assert {language for language, _ in BLOCKS} == {"bash", "python", "yaml"}
