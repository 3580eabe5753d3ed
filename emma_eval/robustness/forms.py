"""Forms of questions: `Is there {a} {object} in {image}?` recognises a question and gives its parts by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from emma_eval.errors import UserError
from emma_eval.utils.patterns import match, require_pattern

ANY_WORDS = ".+"
_NAME = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Form:
    """A question with names in braces."""

    pattern: str
    names: tuple[str, ...]  # those in braces

    def parts(self, question: str) -> dict[str, str] | None:
        """What stands for each name; None if the question has another form. Raises UserError for an endless pattern."""
        try:
            found = match(rf"(?:{self.pattern})\Z", question.strip())
        except ValueError as error:
            raise UserError(f"a form of --variants: {error}") from None
        return found.groupdict() if found else None


def compile_form(text: str, fields: Mapping[str, str]) -> Form:
    """The form of a text; `fields` says what names stand for. Raises ValueError for no regular expression."""
    pieces, seen = [], dict[str, None]()
    for index, piece in enumerate(_NAME.split(text)):  # texts and names by turns
        if index % 2 == 0:
            pieces.append(re.escape(piece))
        elif piece in seen:
            pieces.append(f"(?P={piece})")
        else:
            seen[piece] = None
            pieces.append(f"(?P<{piece}>{fields.get(piece, ANY_WORDS)})")
    try:
        return Form(require_pattern("".join(pieces)), tuple(seen))
    except ValueError as error:
        reason = str(error).removeprefix("not a regular expression: ")
        raise ValueError(f"form {text!r}: no regular expression: {reason}") from None


def template_names(template: str) -> Iterator[str]:
    """The names in braces of a template."""
    return (found[1] for found in _NAME.finditer(template))


def fill(template: str, parts: Mapping[str, str]) -> str:
    """The template with the parts in place of names."""
    return _NAME.sub(lambda found: parts[found[1]], template)
