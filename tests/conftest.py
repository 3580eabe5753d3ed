"""Tests leave the user's cache and the committed results alone."""

from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[1] / "results"


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMMA_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _results_stay_as_they_are():
    """What is shipped there is written by hand alone (results/README.md)."""

    def written() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in RESULTS.glob("leaderboard.*")}

    before = written()
    yield
    assert written() == before
