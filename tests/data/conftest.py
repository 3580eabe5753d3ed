"""A hub on loopback with tiny data sets, and the command line that fetches from it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import tiny_datasets as tiny
from tests import tiny_datasets_wider as tiny_wider
from tests.data.hub.hub_server import serving
from tests.data.hub.tiny_hub import GQA, MAIN, MMVP, POPE, write_hub_folder

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def repositories(tmp_path_factory):
    """Two data sets as they lie on the hub, and the tasks that read them."""
    folder = tmp_path_factory.mktemp("hub")
    write_hub_folder(folder / "repos" / "org" / "gqa", tiny.gqa(folder / "gqa"))
    pope = tiny.pope(folder / "pope")
    write_hub_folder(folder / "repos" / "org" / "pope", pope)
    tiny_wider.mmvp(folder / "mmvp")
    (folder / "mmvp" / "vision-bench" / "MMVP").rename(folder / "repos" / "org" / "mmvp")
    (folder / "repos" / "org" / "mmvp" / "Questions.xlsx").write_bytes(b"not wanted")
    (folder / "tasks").mkdir()
    (folder / "tasks" / "my_mmvp.yaml").write_text(MMVP)
    (folder / "tasks" / "my_gqa.yaml").write_text(GQA)
    (folder / "tasks" / "my_pope.yaml").write_text(POPE % pope.samples)
    return folder


@pytest.fixture
def hub(repositories):
    with serving(repositories / "repos") as hub:
        yield hub


@pytest.fixture
def command(hub, repositories, tmp_path):
    """Runs one command line, options for data and tasks added, with variables of the environment; None unsets one."""

    def run(*arguments, patch="", url=hub.url, **variables):
        given = {"HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "hf"), "NO_PROXY": "127.0.0.1", "PYTHONPATH": str(ROOT)}
        given |= dict.fromkeys(("HF_HUB_OFFLINE", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "")
        given |= {name: str(value) for name, value in variables.items()}
        environment = {k: v for k, v in (os.environ | given).items() if variables.get(k, "") is not None}
        options = ["--data", str(tmp_path / "root"), "--task-dir", str(repositories / "tasks")]
        line = [sys.executable, "-c", MAIN % patch, *arguments, *options]
        return subprocess.run(line, env=environment, capture_output=True, text=True, check=False)

    return run
