"""What lmms-eval logs with."""

from types import SimpleNamespace

errors: list[str] = []
logger = SimpleNamespace(disable=lambda name: None, error=errors.append)
