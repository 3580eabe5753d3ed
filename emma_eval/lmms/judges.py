"""Whether a task of lmms-eval is scored by a judge model: whether its functions reach a client of one."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

CLIENTS = ("openai", "anthropic", "requests", "httpx", "lmms_eval.llm_judge", "lmms_eval.verifiers")
LIBRARIES = ("lmms_eval.api", "lmms_eval.utils", "lmms_eval.loggers")  # reached by all tasks, and no judges


def judge_client(functions: Iterable[Callable[..., Any]]) -> str:
    """The name of a client that the functions reach by what they call and name; empty if there is none."""
    waiting: list[Any] = list(functions)
    seen: set[int] = set()
    while waiting:
        target = inspect.unwrap(waiting.pop()) if callable(waiting[-1]) else waiting.pop()
        if id(target) in seen:
            continue
        seen.add(id(target))
        if client := _client(target):
            return client
        waiting += _reached(target)
    return ""


def client_of(error: BaseException | None) -> str:
    """The client whose own error this is, or the one behind it; empty if there is none."""
    while error is not None:
        if client := _client(type(error)):
            return client
        error = error.__cause__ or error.__context__
    return ""


def _client(target: Any) -> str:
    """The client that the object belongs to, or that a function imports; empty if there is none."""
    modules = [target.__name__ if isinstance(target, ModuleType) else _module(target)]
    if isinstance(target, FunctionType):
        modules += _imports(target.__code__)
    return next((name for name in CLIENTS for module in modules if f"{module}.".startswith(f"{name}.")), "")


def _module(target: Any) -> str:
    owner = target if isinstance(target, FunctionType | type) else type(target)
    return str(getattr(owner, "__module__", "") or "")


def _reached(target: Any) -> Iterator[Any]:
    """What a task's own function, class or object names; of libraries nothing."""
    if isinstance(target, FunctionType):
        names = set(_names(target.__code__))
        yield from (value for name, value in target.__globals__.items() if name in names and _is_own(value))
    elif isinstance(target, type):
        yield from (value for value in vars(target).values() if isinstance(value, FunctionType))
    elif not isinstance(target, ModuleType):
        yield type(target)


def _is_own(value: Any) -> bool:
    """Whether a global may belong to a task or to a client: no module of a library, no plain value."""
    if isinstance(value, ModuleType):
        return bool(_client(value))
    module = _module(value)
    return module not in ("builtins", "typing", "re", "pathlib", "loguru._logger") and not module.startswith(LIBRARIES)


def _names(code: CodeType) -> Iterator[str]:
    """Every global and attribute that the code names, in functions within it too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _imports(code: CodeType) -> Iterator[str]:
    """The modules that the code imports itself, in functions within it too."""
    yield from (step.argval for step in dis.get_instructions(code) if step.opname == "IMPORT_NAME")
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _imports(constant)
