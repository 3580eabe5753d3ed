"""Records: what this program writes as JSON and reads again, typed and versioned; what is none is refused in one line.

What a model or a data set wrote may hold half a surrogate pair, which JSON can spell and UTF-8 and pydantic's reader
can't: the writer here puts U+FFFD in its place, so that whatever was written can be read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from emma_eval.errors import UserError
from emma_eval.utils.files import read_bytes
from emma_eval.utils.text import first_validation_error, replace_surrogates

RecordT = TypeVar("RecordT", bound=BaseModel)


class Record(BaseModel):
    """What records and their parts have in common: immutable, no unknown keys, and numbers that are finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    renamed: ClassVar[Mapping[str, str]] = {}  # keys of records written before -> the fields that they are now

    @model_validator(mode="before")
    @classmethod
    def _with_todays_keys(cls, content: Any) -> Any:
        if cls.renamed and isinstance(content, dict):
            return {cls.renamed.get(key, key): value for key, value in content.items()}
        return content


class _Versioned(BaseModel):
    schema_version: int | None = None


def to_json(record: BaseModel) -> str:
    """The record as JSON, a line for each field."""
    return replace_surrogates(json.dumps(record.model_dump(mode="python"), indent=1, ensure_ascii=False)) + "\n"


def to_compact_json(record: BaseModel) -> str:
    """The record as JSON without blanks and defaults, but for its version."""
    content = {"schema_version": _schema_version(type(record))} | record.model_dump(
        mode="python", exclude_defaults=True
    )
    return replace_surrogates(json.dumps(content, ensure_ascii=False, separators=(",", ":"))) + "\n"


def read_record(path: Path, kind: type[RecordT], mend: str) -> RecordT:
    """A record's file; its schema is the default of `schema_version`, if `kind` has such a field.

    Raises UserError, with `mend` at its end, for a file that is missing, of another schema, no JSON or no such record.
    """
    content, reads = read_bytes(path), _schema_version(kind)
    try:
        if reads is not None and (found := _Versioned.model_validate_json(content).schema_version) != reads:
            has = "no schema_version" if found is None else f"schema {found}"
            raise UserError(f"{path} has {has}, this program reads {reads}; {mend}")
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise UserError(f"{path} cannot be read: {first_validation_error(error)}; {mend}") from None


def _schema_version(kind: type[BaseModel]) -> int | None:
    field = kind.model_fields.get("schema_version")
    return field.default if field else None
