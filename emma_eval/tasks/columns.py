"""Which column of a benchmark's rows holds what: the part of a task file that the reader `table` follows.

A column is named as in the file: `question`; `metadata.task` for a key within a key; `question|text` for the first of
two that exists. A format string, `{image_id}.jpg`, is filled from a row's columns.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PositiveInt, field_validator

from emma_eval.tasks.strict import Strict, as_tuple
from emma_eval.utils.patterns import require_pattern

Names = Annotated[tuple[str, ...], BeforeValidator(as_tuple)]


class Columns(Strict):
    """The columns of one format. A key that is left out has no column."""

    rows: str = Field(default="", description="the key of a JSON object under which the list of rows stands")
    id: str = Field(default="", description="column or format string; without it the row's number, from 0")
    question: str = Field(default="", description="column of the question")
    hint: str = Field(default="", description="column of the hint")
    images: Names = Field(default=(), description="columns with an image, a list of them or nothing; a file's name")
    image_name: str = Field(default="", description="format string for the file's name, where no column holds it")
    options: Names = Field(default=(), description="a column an option, or one column that holds the list")
    option_regex: str = Field(default="", description="pattern before each option, where one text holds them all")
    no_option: Names = Field(default=(), description="cells that say that there is no such option: N/A")
    answer: str = Field(default="", description="column of the reference")
    answer_is: Literal["text", "letter", "index", "option"] = Field(
        default="text", description="a text or list of texts; the letter, the number or the text of an option"
    )
    answer_map: dict[str, str] = Field(default_factory=dict, description="cell -> the answer it stands for: '1': yes")
    category: str = Field(default="", description="column by which scores are broken down")
    category_regex: str = Field(default="", description="pattern whose first group is the category")
    stringified_lists: Names = Field(default=(), description="columns that hold a list as text: \"['a', 'b']\"")
    group_size: PositiveInt | None = Field(default=None, description="number of successive rows that form a group")
    row_number: str = Field(
        default="", description="column that numbers the rows from 1, which decides their groups; else their order does"
    )
    meta: dict[str, str] = Field(default_factory=dict, description="meta entry -> column")

    @field_validator("option_regex", "category_regex")
    @classmethod
    def _is_a_pattern(cls, pattern: str) -> str:
        return require_pattern(pattern)
