"""Mistakes in files are told in this program's words, whatever pydantic calls them."""

import json
from typing import Literal

import pytest
from pydantic import Field, ValidationError

from emma_eval.utils.records import Record
from emma_eval.utils.validation import first_validation_error


class Part(Record):
    """A part of a record."""

    size: int = Field(default=1, gt=0, le=9)


class Thing(Record):
    """One field of each kind that records have."""

    text: str = Field(default="a", min_length=1, max_length=3, pattern="^a")
    number: float = 1.0
    yes: bool = True
    kind: Literal["red", "blue"] = "red"
    names: tuple[str, ...] = Field(default=(), max_length=2)
    more: list[int] = Field(default_factory=list)
    keys: dict[str, int] = Field(default_factory=dict)
    part: Part = Part()
    maybe: int | None = None


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("text", 3, "text: a text is expected, not 3"),
        ("text", "", "text: a text of at least 1 characters is expected, not ''"),
        ("text", "abcd", "text: a text of at most 3 characters is expected, not 'abcd'"),
        ("text", "b", "text: a text of the form ^a is expected, not 'b'"),
        ("number", "x", "number: a number is expected, not 'x'"),
        ("number", None, "number: a number is expected, not null"),
        ("yes", 7, "yes: true or false is expected, not 7"),
        ("yes", [], "yes: true or false is expected, not a list"),
        ("kind", "green", "kind: 'red' or 'blue' is expected, not 'green'"),
        ("names", {}, "names: a list is expected, not a mapping"),
        ("names", ["a", "b", "c"], "names: a list of at most 2 entries is expected, not a list"),
        ("names", [1], "names.0: a text is expected, not 1"),
        ("more", [1.5], "more.0: a whole number is expected, not 1.5"),
        ("more", ["x"], "more.0: a whole number is expected, not 'x'"),
        ("keys", [], "keys: a mapping of keys to values is expected, not a list"),
        ("part", 3, "part: a mapping of keys to values is expected, not 3"),
        ("part", {"size": 0}, "part.size: a number above 0 is expected, not 0"),
        ("part", {"size": 10}, "part.size: a number of 9 or less is expected, not 10"),
        ("part", {"colour": 1}, "unknown key part.colour"),
        ("maybe", "x", "maybe: a whole number is expected, not 'x'"),
    ],
)
@pytest.mark.parametrize("form", ["python", "json"])
def test_a_wrong_value_is_told_with_its_key_and_what_was_expected(key, value, expected, form):
    with pytest.raises(ValidationError) as caught:
        if form == "json":
            Thing.model_validate_json(json.dumps({key: value}))
        else:
            Thing.model_validate({key: value})
    assert first_validation_error(caught.value) == expected
