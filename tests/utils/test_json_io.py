"""A number that is not finite is reported with the key it stands under, however deep."""

from __future__ import annotations

from pathlib import Path

import pytest

from emma_eval.errors import UserError
from emma_eval.utils.json_io import parse_json


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "theta": NaN}', "NaN under the key 'theta' is not a number"),
        ('{"a": [{"b": [0, -Infinity]}]}', "-Infinity under the key 'b' is not a number"),
        ('{"x": 1e400}', "the number 1e400 under the key 'x' is too large"),
        ("[1, Infinity]", "Infinity is not a number"),
    ],
)
def test_the_key_is_named(text: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        parse_json(text, Path("config.json"))
    assert message in str(error.value)


def test_a_nan_that_is_allowed_is_not_blamed_for_what_is_not() -> None:
    with pytest.raises(UserError, match="under the key 'b'"):
        parse_json('{"a": NaN, "b": Infinity}', Path("answers.json"), nan_as_null=True)
