"""A place to log to that keeps what it is given, for tests without the services' packages."""

from __future__ import annotations

from dataclasses import dataclass, field

from emma_eval.errors import UserError
from emma_eval.loggers.content import LoggedRun
from emma_eval.loggers.samples import LoggedSample


@dataclass
class Notebook:
    """A logger that remembers every run and its samples; it fails with `error` if there is one."""

    place: str = "a notebook"
    error: Exception | None = None
    runs: list[LoggedRun] = field(default_factory=list)
    samples: list[dict[str, list[LoggedSample]]] = field(default_factory=list)

    def log(self, run: LoggedRun) -> str:
        if self.error:
            raise self.error
        self.runs.append(run)
        self.samples.append(dict(run.samples()))
        return f"page {len(self.runs)}"


NOTEBOOKS: dict[str, Notebook] = {}


def open_notebook(name: str) -> Notebook:
    """What a test registers as `notebook`; a name with `torn` in it is refused."""
    if "torn" in name:
        raise UserError("the notebook is torn; take another")
    return NOTEBOOKS.setdefault(name, Notebook())
