"""Whose words a task is asked in, in words: for notes, `show` and `explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emma_eval.tasks.config import OWN_WORDING

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig


def wording_families(task: TaskConfig, wording: str) -> tuple[str, ...]:
    """The model families that a wording is of."""
    return task.wording if wording in task.wording else (wording,)


def is_published(task: TaskConfig, wording: str) -> bool:
    """Whether the prompt is one that the family's authors published for this benchmark."""
    return wording not in task.wordings or task.wordings[wording].published


def describe_wording(task: TaskConfig, wording: str) -> str:
    """Whose words they are and where they come from, as a part of a sentence."""
    other = task.wordings.get(wording)
    source = f" ({other.source})" if other and other.source else ""
    if not is_published(task, wording):
        return f"a wording chosen here for {wording}, whose authors published no prompt for this benchmark{source}"
    if source:
        return f"the wording of {wording}'s authors{source}"
    if wording == OWN_WORDING:
        return "the task's own wording, which no model family's scripts use"
    owners = " and ".join(f"{family}'s" for family in wording_families(task, wording))
    return f"the wording of {owners} scripts"
