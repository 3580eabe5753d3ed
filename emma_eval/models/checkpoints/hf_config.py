"""Configuration files of checkpoints as pydantic models. Imports no torch.

A model's fields are keys of the file under transformers' or LLaVA's own names, with their defaults, the values that
are computed here and the ranges outside of which no model lies. What depends on several keys is a validator.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from emma_eval.errors import UserError
from emma_eval.utils.validation import expected_in_words

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Size = Annotated[int, Field(ge=1, le=2**20)]  # a width, a length or a vocabulary
NumLayers = Annotated[int, Field(ge=1, le=1000)]
LayerIndex = Annotated[int, Field(ge=-1000, le=1000)]  # of a hidden state; negative ones count from the last
Epsilon = Annotated[float, Field(gt=0, le=0.1)]  # of a norm


def _without_torch(name: Any) -> Any:
    return name.removeprefix("torch.") if isinstance(name, str) else name


TorchDtype = Annotated[Literal["float32", "float16", "bfloat16", "float64"], BeforeValidator(_without_torch)]

T = TypeVar("T")
Array = Annotated[tuple[T, ...], Field(strict=False)]  # a JSON array, kept as a tuple


def without_nulls(content: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a JSON object whose value is neither null nor {}."""
    return {key: value for key, value in content.items() if value is not None and value != {}}


class HFConfig(BaseModel):
    """What a JSON object of a configuration says. Unknown keys are ignored; null or {} is as good as a missing key."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _null_is_missing(cls, content: Any) -> Any:
        return without_nulls(content) if isinstance(content, Mapping) else content


ConfigT = TypeVar("ConfigT", bound=HFConfig)


def parse_config(kind: type[ConfigT], content: Mapping[str, Any], path: Path) -> ConfigT:
    """The JSON object of a file as `kind`. Raises UserError naming the file and the key at fault."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{path}: {_describe(error.errors(include_url=False)[0])}") from None


EXPECTED = {  # by pydantic's type of error
    "bool_type": "true or false",
    "dict_type": "an object",
    "float_type": "a number",
    "int_type": "an integer",
    "model_type": "an object",
    "string_type": "a text",
    "tuple_type": "a list",
}


def _describe(error: ErrorDetails) -> str:
    """The key, its value and what it should be, in a few words."""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).removeprefix(".")
    value = f"{error['input']!r:.60}"
    match error["type"]:
        case "missing":
            return f"{key} is missing"
        case "literal_error":
            return f"{key} {value} is not supported ({error['ctx']['expected']} is)"
        case "extra_forbidden":
            return f"{key} {value} is not supported"
        case "value_error":  # raised by a validator, whose message names the keys
            return str(error["ctx"]["error"])
        case kind if kind in EXPECTED:
            return f"{key} {value} must be {EXPECTED[kind]}"
    return f"{key} {value} must be {expected_in_words(error) or 'another value'}"
