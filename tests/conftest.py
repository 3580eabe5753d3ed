"""What holds for every test: a cache of its own, the committed results left alone, markers, and the closing line."""

import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.fakes import write_pope
from tests.shared import WANT

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as below nohup: all that a test starts would ignore Ctrl-C
    signal.signal(signal.SIGINT, signal.default_int_handler)

RESULTS = Path(__file__).parents[1] / "results"


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMMA_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _results_stay_as_they_are():
    """The committed leaderboards are written by hand alone (results/README.md)."""

    def modification_times() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in RESULTS.glob("leaderboard.*")}

    before = modification_times()
    yield
    assert modification_times() == before


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data root with the tiny POPE."""
    root = tmp_path / "data"
    write_pope(root)
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run folder that does not exist yet."""
    return tmp_path / "run"


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """A test that asks for the fixture of the browser is marked `browser`."""
    for item in items:
        if "chrome" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line at the end of every run: how many tests the reference files in ../shared were missing for."""
    skipped = [report.longrepr[2] for report in terminalreporter.getreports("skipped")]
    count = sum(WANT in reason for reason in skipped)
    terminalreporter.write_line(f"{count} {'test' if count == 1 else 'tests'} skipped {WANT}")
