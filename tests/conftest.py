"""Tests leave the user's cache alone: what the package keeps there goes to a folder of this test run."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMMA_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
