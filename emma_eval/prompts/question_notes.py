"""Notes on a task's questions, shown beside its scores: the release of the data, questions without a right option."""

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


def question_notes(task: TaskConfig, samples: Sequence[Sample], complete: bool = True) -> tuple[str, ...]:
    """Notes on the release of the data, where releases differ, and on questions that cannot be answered.

    With `complete` off the samples are a part of the data, whose release cannot be recognised.
    """
    return (*_release_note(task, samples, complete), *unanswerable_note(task, samples))


def find_release(task: TaskConfig, samples: Iterable[Sample]) -> str:
    """The name of the official release that has exactly these questions; empty if no known one has."""
    if not task.expected.releases:
        return ""
    digest = questions_digest(samples)
    return next((name for name, release in task.expected.releases.items() if release.questions == digest), "")


def questions_digest(samples: Iterable[Sample]) -> str:
    """SHA-256 over questions, image names and references, whatever their order: files and hub rows agree in it."""
    lines = sorted(
        json.dumps([sample.category, str(sample.meta.get("image", "")), sample.question, *sample.references])
        for sample in samples
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def unanswerable_note(task: TaskConfig, samples: Iterable[Sample]) -> tuple[str, ...]:
    """A note on questions that do not show the right option, in a tuple; empty if there are none."""
    ids = [sample.id for sample in samples if _lacks_right_option(task, sample)]
    if not ids:
        return ()
    verb = "is" if len(ids) == 1 else "are"
    return (f"{pluralize(len(ids), 'question')} {verb} asked without the right option, the first is {ids[0]}",)


def _lacks_right_option(task: TaskConfig, sample: Sample) -> bool:
    """Whether a pass does not show its right letter. A reference that is no letter is not looked for."""
    reference = sample.references[0] if len(sample.references) == 1 else ""
    if len(reference) != 1 or reference not in ascii_uppercase or reference in sample.options:
        return False
    if "passes" not in sample.meta and reference not in label_options(sample.options):
        return bool(sample.options)
    letters = [letter for _, letter in circular_passes(sample)] if task.circular else [reference] * bool(sample.options)
    return any(letter not in choices for letter, choices in zip(letters, shown_choices(task, sample), strict=False))


def _release_note(task: TaskConfig, samples: Sequence[Sample], complete: bool) -> tuple[str, ...]:
    releases = task.expected.releases
    if not releases or task.suite or not complete:
        return ()
    name = find_release(task, samples)
    if not name:
        return (f"the questions are those of no official release that is known here ({', '.join(releases)})",)
    note = releases[name].note
    return (f"the questions are those of the official release {name}" + (f": {note}" if note else ""),)
