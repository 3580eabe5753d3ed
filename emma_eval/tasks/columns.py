"""What stands in which column of a benchmark's rows: the part of a task file by which the reader `table` reads it.

A column is named as in the file: `question`; `metadata.task` for a key within a key; `question|text` for whichever of
two there is. A format string, `{image_id}.jpg`, is filled from a row's columns.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, field_validator

from emma_eval.tasks.patterns import require_pattern


def _as_tuple(value: Any) -> Any:
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


class Columns(BaseModel):
    """The columns of one format. A key that is left out has no column; `question` alone must be given."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    rows: str = Field(default="", description="the key of a JSON object under which the list of rows stands")
    id: str = Field(default="", description="column or format string; without it the row's number, from 0")
    question: str = ""
    hint: str = ""
    images: Names = Field(default=(), description="columns with an image, a list of them or nothing; a file's name")
    image_name: str = Field(default="", description="format string for the file's name, where no column holds it")
    options: Names = Field(default=(), description="a column an option, or one column that holds the list")
    option_mark: str = Field(default="", description="pattern before each option, where one text holds them all")
    no_option: Names = Field(default=(), description="cells that say that there is no such option: N/A")
    answer: str = ""
    answer_is: Literal["text", "letter", "index", "option"] = Field(
        default="text", description="a text or list of texts; the letter, the number or the text of an option"
    )
    answer_words: dict[str, str] = Field(default_factory=dict, description="what answers stand for: '1': yes")
    category: str = ""
    category_pattern: str = Field(default="", description="pattern whose first group is the category")
    text_lists: Names = Field(default=(), description="columns that hold a list as its text: \"['a', 'b']\"")
    pair: PositiveInt | None = Field(default=None, description="so many rows in a row belong together")
    pair_number: str = Field(
        default="", description="column that counts the rows from 1, by which they pair; else by their order"
    )
    meta: dict[str, str] = Field(default_factory=dict, description="meta entry -> column")

    @field_validator("option_mark", "category_pattern")
    @classmethod
    def _is_a_pattern(cls, pattern: str) -> str:
        return require_pattern(pattern)
