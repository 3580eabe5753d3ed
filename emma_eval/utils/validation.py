"""What pydantic found wrong with a file's content, in this program's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from emma_eval.utils.text import preview

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

EXPECTED = {  # pydantic's type of error -> what was expected, with what its context tells
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "bytes_type": "bytes",
    "dict_type": "a mapping of keys to values",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of {ge:g} or more",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number of fewer digits",
    "int_type": "a whole number",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of {le:.15g} or less",
    "list_type": "a list",
    "literal_error": "{expected}",
    "mapping_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "multiple_of": "a multiple of {multiple_of:g}",
    "none_required": "null",
    "path_type": "a path",
    "set_type": "a list",
    "string_pattern_mismatch": "a text of the form {pattern}",
    "string_too_long": "a text of at most {max_length} characters",
    "string_too_short": "a text of at least {min_length} characters",
    "string_type": "a text",
    "too_long": "a list of at most {max_length} entries",
    "too_short": "a list of at least {min_length} entries",
    "tuple_type": "a list",
}


def expected_in_words(error: ErrorDetails) -> str:
    """What was expected in place of the value; empty where the error is of another kind."""
    return EXPECTED.get(error["type"], "").format(**error.get("ctx", {}))


def violation_in_words(error: ErrorDetails) -> str:
    """What is wrong with the value at the error's place: 'a text is expected, not 3'."""
    if error["type"] == "value_error":  # by a validator of ours, whose message is for the user
        return str(error["ctx"]["error"])
    if error["type"] == "json_invalid":
        return f"no JSON: {error['ctx']['error']}"
    expected, value = expected_in_words(error), _short(error["input"])
    return f"{expected} is expected, not {value}" if expected else f"{value} is no value for it"


def first_validation_error(error: ValidationError) -> str:
    """The first error of a validation, its key first; the others often follow from it."""
    first = error.errors(include_url=False)[0]
    key = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        return f"{key} is missing"
    if first["type"] == "extra_forbidden":
        return f"unknown key {key}"
    return f"{key or 'the whole file'}: {violation_in_words(first)}"


def _short(value: Any) -> str:
    """A value in a message; of one with parts, its kind."""
    kinds = {dict: "a mapping", list: "a list", tuple: "a list"}
    return next((name for kind, name in kinds.items() if isinstance(value, kind)), None) or preview(value)
