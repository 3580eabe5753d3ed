"""All targets, in the order of the table."""

from __future__ import annotations

from importlib import import_module

from tests.bad_input.outcome import Target

NAMES = (
    "readers",
    "images",
    "predictions",
    "scorers",
    "tasks",
    "records",
    "checkpoints",
    "transformers",
    "arguments",
    "servers",
    "cases",
    "loading",
)


def load_target(name: str) -> Target:
    """A target by its name; only its own module is imported."""
    target: Target = import_module(f"tests.bad_input.targets.{name}").TARGET
    return target
