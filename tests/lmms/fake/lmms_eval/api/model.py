"""The base of all models."""

from typing import Any


class lmms:  # noqa: N801 (its name there)
    is_simple = True

    def __init__(self) -> None:
        self.task_dict: dict[str, Any] = {}

    def clean(self) -> None:
        pass
