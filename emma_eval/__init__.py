"""emma-eval: run EMMA and its rivals on the field's benchmarks and score the answers as the official tools do.

    import emma_eval

    run = emma_eval.evaluate("emma-mini", "pope_mini")     # a Run; docs/python.md
    run.scores, run.samples                                # DataFrames

Names are imported when they are first used, so that the import itself takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emma_eval.api.comparison import Comparison
    from emma_eval.api.evaluating import evaluate
    from emma_eval.api.run import Run, load_run
    from emma_eval.api.scoring import ScoredAnswers, score
    from emma_eval.api.task import Task, list_tasks, load_task
    from emma_eval.errors import EmmaEvalError, EmmaEvalWarning, SampleError, UserError
    from emma_eval.models import load_model
    from emma_eval.models.base import Message
    from emma_eval.runs.runner import TooManyFailuresError
    from emma_eval.types import Request, Sample

__version__ = "1.0.0"

_PLACES = {
    "Comparison": "emma_eval.api.comparison",
    "EmmaEvalError": "emma_eval.errors",
    "EmmaEvalWarning": "emma_eval.errors",
    "Message": "emma_eval.models.base",
    "Request": "emma_eval.types",
    "Run": "emma_eval.api.run",
    "Sample": "emma_eval.types",
    "SampleError": "emma_eval.errors",
    "ScoredAnswers": "emma_eval.api.scoring",
    "Task": "emma_eval.api.task",
    "TooManyFailuresError": "emma_eval.runs.runner",
    "UserError": "emma_eval.errors",
    "evaluate": "emma_eval.api.evaluating",
    "list_tasks": "emma_eval.api.task",
    "load_model": "emma_eval.models",
    "load_run": "emma_eval.api.run",
    "load_task": "emma_eval.api.task",
    "score": "emma_eval.api.scoring",
}

__all__ = [
    "Comparison",
    "EmmaEvalError",
    "EmmaEvalWarning",
    "Message",
    "Request",
    "Run",
    "Sample",
    "SampleError",
    "ScoredAnswers",
    "Task",
    "TooManyFailuresError",
    "UserError",
    "__version__",
    "evaluate",
    "list_tasks",
    "load_model",
    "load_run",
    "load_task",
    "score",
]


if not TYPE_CHECKING:  # type checkers know the names above, and would take any other for one

    def __getattr__(name: str) -> Any:
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_PLACES[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
