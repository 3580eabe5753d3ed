"""GQA's annotations of a question: types, group, functional program, and the entailed questions.

They follow from the question's wording: each form of question is a regular expression, and its annotations are
templates filled with the matched groups `{0}`, `{1}`, ...
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class QuestionForm:
    """One form of question, with the templates of its annotations."""

    pattern: str
    structural: str
    semantic: str
    detailed: str
    group: str | None  # what the possible answers have in common; None for closed questions
    steps: tuple[tuple[str, str], ...]  # the program: operation and argument
    names: tuple[str, ...]  # names of the things whose presence question and answer imply
    presupposed: bool = False  # the things are present whatever the answer, and do not imply it


@dataclass(frozen=True, slots=True)
class ParsedQuestion:
    """A question with its answer, matched with its form."""

    question: str
    answer: str
    form: QuestionForm
    words: tuple[str, ...]

    @property
    def stated_names(self) -> frozenset[str]:
        """The names of the things whose presence this question and its answer imply."""
        if self.answer == "no" and not self.form.presupposed:
            return frozenset()
        return frozenset(name.format(*self.words, answer=self.answer) for name in self.form.names)

    def entails(self, other: ParsedQuestion) -> bool:
        """Whether the other's answer follows: this implies all that it implies. Entailed "no" is not computed."""
        return not other.form.presupposed and bool(other.stated_names) and other.stated_names <= self.stated_names

    def program(self) -> list[dict[str, Any]]:
        """The steps, each with the indices of the steps whose results it takes."""
        steps: list[dict[str, Any]] = []
        for index, (operation, argument) in enumerate(self.form.steps):
            if operation == "select":
                dependencies = []
            elif operation == "and":
                dependencies = [n for n, step in enumerate(steps) if step["operation"] == "exist"]
            else:
                dependencies = [index - 1]
            steps.append(
                {"operation": operation, "argument": argument.format(*self.words), "dependencies": dependencies}
            )
        return steps


def parse_question(question: str, answer: str) -> ParsedQuestion:
    """Match a question with its form. Raises ValueError if no form fits."""
    for form in FORMS:
        if match := re.fullmatch(form.pattern, question):
            return ParsedQuestion(question, answer, form, match.groups())
    raise ValueError(f"no GQA form fits the question {question!r}")


_NAME = r"(\w+) (\w+)"  # color and shape

FORMS = (
    QuestionForm(
        rf"Is there a {_NAME} in the image\?",
        *("verify", "obj", "existAttr", None),
        steps=(("select", "{1}"), ("filter color", "{0}"), ("exist", "?")),
        names=("{0} {1}",),
    ),
    QuestionForm(
        rf"Is there a {_NAME} and a {_NAME} in the image\?",
        *("logical", "obj", "existAnd", None),
        steps=(
            *(("select", "{1}"), ("filter color", "{0}"), ("exist", "?")),
            *(("select", "{3}"), ("filter color", "{2}"), ("exist", "?")),
            ("and", ""),
        ),
        names=("{0} {1}", "{2} {3}"),
    ),
    QuestionForm(
        r"What color is the (\w+)\?",
        *("query", "attr", "directOf", "color"),
        steps=(("select", "{0}"), ("query", "color")),
        names=("{answer} {0}",),
    ),
    QuestionForm(
        r"What shape is the (\w+) object\?",
        *("query", "cat", "categoryAttr", "shape"),
        steps=(("select", "object"), ("filter color", "{0}"), ("query", "shape")),
        names=("{0} {answer}",),
    ),
    QuestionForm(
        r"Is the (\w+) (\w+)\?",
        *("verify", "attr", "verifyAttr", None),
        steps=(("select", "{0}"), ("verify color", "{1}")),
        names=("{1} {0}",),
    ),
    QuestionForm(
        r"Is the (\w+) (\w+) or (\w+)\?",
        *("choose", "attr", "chooseAttr", "color"),
        steps=(("select", "{0}"), ("choose color", "{1}|{2}")),
        names=("{answer} {0}",),
    ),
    QuestionForm(
        rf"Is the {_NAME} small or large\?",
        *("choose", "attr", "chooseAttr", "size"),
        steps=(("select", "{1}"), ("filter color", "{0}"), ("choose size", "small|large")),
        names=("{0} {1}",),
        presupposed=True,
    ),
    QuestionForm(
        rf"Is the {_NAME} (to the left of|to the right of|above|below) the {_NAME}\?",
        *("verify", "rel", "relVerify", None),
        steps=(("select", "{4}"), ("filter color", "{3}"), ("verify rel", "{1},{2},o")),
        names=("{0} {1}", "{3} {4}"),
        presupposed=True,
    ),
)
