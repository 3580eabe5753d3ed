"""What GQA knows of a question beside its text: types, group, functional program, and which answers follow from it.

All of it is read off the question's wording: each form of question is a pattern, and the rest are templates filled
with the pattern's words `{0}`, `{1}`, ...
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Form:
    """One form of question."""

    pattern: str
    structural: str
    semantic: str
    detailed: str
    group: str | None  # what the answers have in common, where they are open
    steps: tuple[tuple[str, str], ...]  # the program: operation and argument
    names: tuple[str, ...]  # things that the question, answered, says are there
    takes_for_granted: bool = False  # they are there whatever the answer, and do not tell the answer


@dataclass(frozen=True, slots=True)
class Parsed:
    """A question with its answer, read by its form."""

    question: str
    answer: str
    form: Form
    words: tuple[str, ...]

    @property
    def stated(self) -> frozenset[str]:
        """The names of the things that are there, as far as this question with its answer tells."""
        if self.answer == "no" and not self.form.takes_for_granted:
            return frozenset()
        return frozenset(name.format(*self.words, answer=self.answer) for name in self.form.names)

    def entails(self, other: Parsed) -> bool:
        """Whether the other's answer follows: all that it states is stated here. That a "no" follows is left out."""
        return not other.form.takes_for_granted and bool(other.stated) and other.stated <= self.stated

    def program(self) -> list[dict[str, Any]]:
        """The steps, each with the numbers of those that it works on."""
        steps: list[dict[str, Any]] = []
        for number, (operation, argument) in enumerate(self.form.steps):
            if operation == "select":
                needs = []
            elif operation == "and":
                needs = [n for n, step in enumerate(steps) if step["operation"] == "exist"]
            else:
                needs = [number - 1]
            filled = argument.format(*self.words)
            steps.append({"operation": operation, "argument": filled, "dependencies": needs})
        return steps


def parse(question: str, answer: str) -> Parsed:
    """The question by its form. Raises ValueError for one that has none."""
    for form in FORMS:
        if match := re.fullmatch(form.pattern, question):
            return Parsed(question, answer, form, match.groups())
    raise ValueError(f"no GQA form fits the question {question!r}")


_NAME = r"(\w+) (\w+)"  # color and shape

FORMS = (
    Form(
        rf"Is there a {_NAME} in the image\?",
        *("verify", "obj", "existAttr", None),
        steps=(("select", "{1}"), ("filter color", "{0}"), ("exist", "?")),
        names=("{0} {1}",),
    ),
    Form(
        rf"Is there a {_NAME} and a {_NAME} in the image\?",
        *("logical", "obj", "existAnd", None),
        steps=(
            *(("select", "{1}"), ("filter color", "{0}"), ("exist", "?")),
            *(("select", "{3}"), ("filter color", "{2}"), ("exist", "?")),
            ("and", ""),
        ),
        names=("{0} {1}", "{2} {3}"),
    ),
    Form(
        r"What color is the (\w+)\?",
        *("query", "attr", "directOf", "color"),
        steps=(("select", "{0}"), ("query", "color")),
        names=("{answer} {0}",),
    ),
    Form(
        r"What shape is the (\w+) object\?",
        *("query", "cat", "categoryAttr", "shape"),
        steps=(("select", "object"), ("filter color", "{0}"), ("query", "shape")),
        names=("{0} {answer}",),
    ),
    Form(
        r"Is the (\w+) (\w+)\?",
        *("verify", "attr", "verifyAttr", None),
        steps=(("select", "{0}"), ("verify color", "{1}")),
        names=("{1} {0}",),
    ),
    Form(
        r"Is the (\w+) (\w+) or (\w+)\?",
        *("choose", "attr", "chooseAttr", "color"),
        steps=(("select", "{0}"), ("choose color", "{1}|{2}")),
        names=("{answer} {0}",),
    ),
    Form(
        rf"Is the {_NAME} small or large\?",
        *("choose", "attr", "chooseAttr", "size"),
        steps=(("select", "{1}"), ("filter color", "{0}"), ("choose size", "small|large")),
        names=("{0} {1}",),
        takes_for_granted=True,
    ),
    Form(
        rf"Is the {_NAME} (to the left of|to the right of|above|below) the {_NAME}\?",
        *("verify", "rel", "relVerify", None),
        steps=(("select", "{4}"), ("filter color", "{3}"), ("verify rel", "{1},{2},o")),
        names=("{0} {1}", "{3} {4}"),
        takes_for_granted=True,
    ),
)
