"""The suite, and its samples read by the real readers."""

from collections.abc import Callable
from functools import cache

import pytest

from emma_eval.data.loading import load_samples
from emma_eval.mini.suite import suite_folder
from emma_eval.tasks.loading import load_task
from emma_eval.types import Sample


@pytest.fixture(scope="session")
def suite(_cache_of_its_own):
    return suite_folder()


@pytest.fixture(scope="session")
def samples(suite) -> Callable[[str], list[Sample]]:
    return cache(lambda task: load_samples(load_task(task), need_images=True))
