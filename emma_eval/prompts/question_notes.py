"""What must be told of a task's questions before any of them is answered: they stand beside the scores as notes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from string import ascii_uppercase
from typing import TYPE_CHECKING

from emma_eval.prompts.building import shown_choices
from emma_eval.tasks.circular import circular_passes, label_options
from emma_eval.utils.text import pluralize

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig
    from emma_eval.types import Sample


def remarks(task: TaskConfig, samples: Sequence[Sample], complete: bool = True) -> tuple[str, ...]:
    """Notes on what is asked: the release of the data, where it matters, and questions that cannot be answered.

    With `complete` off the samples are a part, which no release is known by.
    """
    return (*_on_release(task, samples, complete), *without_right_option(task, samples))


def release_of(task: TaskConfig, samples: Iterable[Sample]) -> str:
    """The name of the official release that holds just these questions; empty where none that is known does."""
    if not task.expected.releases:
        return ""
    digest = questions_digest(samples)
    return next((name for name, one in task.expected.releases.items() if one.questions == digest), "")


def questions_digest(samples: Iterable[Sample]) -> str:
    """SHA-256 over what is asked of which image, and the answers, in no order: files and hub rows agree in it."""
    lines = sorted(
        json.dumps([sample.category, str(sample.meta.get("image", "")), sample.question, *sample.references])
        for sample in samples
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def without_right_option(task: TaskConfig, samples: Iterable[Sample]) -> tuple[str, ...]:
    """A note if a question is asked without the option that is right: it can only be answered by chance."""
    asked = [sample.id for sample in samples if _lacks_right_option(task, sample)]
    if not asked:
        return ()
    verb = "is" if len(asked) == 1 else "are"
    return (f"{pluralize(len(asked), 'question')} {verb} asked without the right option, the first is {asked[0]}",)


def _lacks_right_option(task: TaskConfig, sample: Sample) -> bool:
    """Whether a pass does not show its right letter. A reference that is no letter is not looked for."""
    reference = sample.references[0] if len(sample.references) == 1 else ""
    if len(reference) != 1 or reference not in ascii_uppercase or reference in sample.options:
        return False
    if "passes" not in sample.meta and reference not in label_options(sample.options):
        return bool(sample.options)
    letters = [letter for _, letter in circular_passes(sample)] if task.circular else [reference] * bool(sample.options)
    return any(letter not in choices for letter, choices in zip(letters, shown_choices(task, sample), strict=False))


def _on_release(task: TaskConfig, samples: Sequence[Sample], complete: bool) -> tuple[str, ...]:
    releases = task.expected.releases
    if not releases or task.suite or not complete:
        return ()
    name = release_of(task, samples)
    if not name:
        return (f"the questions are those of no official release that is known here ({', '.join(releases)})",)
    note = releases[name].note
    return (f"the questions are those of the official release {name}" + (f": {note}" if note else ""),)
