"""What tests of the Python interface may use."""

import warnings

import pytest

from emma_eval.errors import EmmaEvalWarning


@pytest.fixture
def warnings_are_errors():
    """A warning of ours fails the test, unless it expects that one."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", EmmaEvalWarning)
        yield
