"""Forms of questions: `Is there {a} {object} in {image}?` recognises a question and gives its parts by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

ANY_WORDS = ".+"
_NAME = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Form:
    """A question with names in braces."""

    pattern: re.Pattern[str]

    @property
    def names(self) -> tuple[str, ...]:
        """The names in braces."""
        return tuple(self.pattern.groupindex)

    def parts(self, question: str) -> dict[str, str] | None:
        """What stands for each name; None if the question has another form."""
        match = self.pattern.fullmatch(question.strip())
        return match.groupdict() if match else None


def compile_form(text: str, fields: Mapping[str, str]) -> Form:
    """The form of a text; `fields` says what names stand for. Raises ValueError for no regular expression."""
    pieces, seen = [], set[str]()
    for index, piece in enumerate(_NAME.split(text)):  # texts and names by turns
        if index % 2 == 0:
            pieces.append(re.escape(piece))
        elif piece in seen:
            pieces.append(f"(?P={piece})")
        else:
            seen.add(piece)
            pieces.append(f"(?P<{piece}>{fields.get(piece, ANY_WORDS)})")
    try:
        return Form(re.compile("".join(pieces)))
    except re.error as error:
        raise ValueError(f"form {text!r}: no regular expression: {error}") from None


def template_names(template: str) -> Iterator[str]:
    """The names in braces of a template."""
    return (match[1] for match in _NAME.finditer(template))


def fill(template: str, parts: Mapping[str, str]) -> str:
    """The template with the parts in place of names."""
    return _NAME.sub(lambda match: parts[match[1]], template)
