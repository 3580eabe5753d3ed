"""The fixtures of the runs' tests serve here too."""

from tests.runs.conftest import data, folder

__all__ = ["data", "folder"]
