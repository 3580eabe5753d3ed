"""The results of cases, one a line, so that a fault run goes on where it stopped."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Result:
    """How a case went."""

    label: str
    seed: int
    outcome: Literal["passed", "failed", "skipped"]
    said: str = ""  # the line that names cause and mend
    problem: str = ""  # of a failed case; why another was skipped
    moment: str = ""
    seconds: float = 0.0


class Results:
    """The last result of each case with this seed. Appended to the file as they come."""

    def __init__(self, path: Path | None, seed: int) -> None:
        self.path, self.seed = path, seed
        self.by_label: dict[str, Result] = {}
        if path and path.exists():
            for line in path.read_text().splitlines():
                result = Result(**json.loads(line))
                if result.seed == seed:
                    self.by_label[result.label] = result

    def add(self, result: Result) -> None:
        """Record one."""
        self.by_label[result.label] = result
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a") as file:
                file.write(json.dumps(asdict(result)) + "\n")

    def has_passed(self, label: str) -> bool:
        """Whether the case need not run again."""
        return label in self.by_label and self.by_label[label].outcome == "passed"
