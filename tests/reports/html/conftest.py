"""A headless Chromium that all tests of the page share, and a report of two small runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emma_eval.reports.html.report import write_report
from tests.reports.html.chromium import chromium, set_width
from tests.reports.html.fake_runs import COUNT, alpha, beta, write_gqa, write_run


@pytest.fixture(scope="session")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as browser:
        yield browser


@pytest.fixture
def browser(chrome: Any) -> Iterator[Any]:
    """The browser, wide and with an empty console; no test may leave an error in it."""
    chrome.get("about:blank")
    set_width(chrome, 1280, 900)
    chrome.get_log("browser")
    yield chrome
    assert chrome.get_log("browser") == []


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_gqa(root, COUNT)
    return root


@pytest.fixture(scope="session")
def runs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    made = {"alpha": alpha, "beta": beta}
    return [write_run(data, folder / name, name, answer) for name, answer in made.items()]


@pytest.fixture(scope="session")
def page(runs: list[Path], data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(runs, tmp_path_factory.mktemp("report"), data=data)


@pytest.fixture(scope="session")
def alone(runs: list[Path], data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of one run."""
    return write_report(runs[:1], tmp_path_factory.mktemp("alone"), data=data)


@pytest.fixture(autouse=True, scope="session")
def _no_proxy() -> None:
    """The driver is on this machine."""
    os.environ["NO_PROXY"] = ",".join(filter(None, (os.environ.get("NO_PROXY"), "localhost,127.0.0.1")))
