"""Readers, scorers and models that other packages bring along, found by their entry points.

A package registers by name what a task file or `--model` may then name, in a group of its kind:

    [project.entry-points."emma_eval.scorers"]
    my_metric = "my_package.scoring:my_metric"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module, metadata
from typing import Any, Literal, TypeVar

from emma_eval.errors import MissingToolError, UserError
from emma_eval.text import in_one_line

Kind = Literal["readers", "scorers", "models"]
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def with_plugins(kind: Kind, shipped: Mapping[str, str]) -> dict[str, str]:
    """Name -> `module:attribute` of what is shipped and of what packages register; nothing is imported.

    Raises UserError where a package registers a name that is taken.
    """
    found = dict(shipped)
    for point in _entry_points(kind):
        if point.name in found and found[point.name] != point.value:  # a package seen twice on the path is no clash
            raise UserError(
                f"the package {_package(point)} registers {point.value} as {point.group}: {point.name!r}, a name that "
                f"{found[point.name]} has; uninstall the package or rename the entry point"
            )
        found[point.name] = point.value
    return found


def imported(place: str) -> Any:
    """What stands at `module:attribute`. Raises UserError if another package's cannot be imported."""
    module, _, attribute = place.partition(":")
    try:
        found: Any = import_module(module)
        for name in attribute.split("."):
            found = getattr(found, name)
    except Exception as error:  # another package's module may raise anything
        if module.partition(".")[0] == __package__:
            raise
        raise UserError(f"the entry point {place} cannot be imported: {in_one_line(error)}") from error
    return found


def needs(check: Callable[..., None]) -> Callable[[FunctionT], FunctionT]:
    """Mark a function with a check of the tools that it needs, which raises UserError with the mend for a missing one.

    `require` makes the check before anything that takes long; the function may still make it for itself.
    """

    def marked(function: FunctionT) -> FunctionT:
        function.requirements = check  # type: ignore[attr-defined]
        return function

    return marked


def require(place: str, *about: Any) -> bool:
    """Make the check of what stands at `module:attribute`; whether it has one. Raises MissingToolError."""
    check = getattr(imported(place), "requirements", None)
    if check is not None:
        try:
            check(*about)
        except UserError as error:
            raise MissingToolError(str(error)) from error
    return check is not None


@cache
def _entry_points(kind: Kind) -> tuple[metadata.EntryPoint, ...]:
    """What the installed packages register; looked up once, which takes some milliseconds."""
    return tuple(metadata.entry_points(group=f"emma_eval.{kind}"))


def _package(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist else "?"
