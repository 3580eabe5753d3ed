"""Records: what this program writes as JSON and reads again, typed and versioned. Reading fails with one line.

A model's or a data set's text may hold a lone surrogate, which JSON can spell and neither UTF-8 nor pydantic can read.
The writer here puts U+FFFD in its place, so that whatever was written can be read.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from emma_eval.errors import UserError
from emma_eval.utils.files import read_bytes
from emma_eval.utils.text import replace_surrogates
from emma_eval.utils.validation import first_validation_error

RecordT = TypeVar("RecordT", bound=BaseModel)


class Record(BaseModel):
    """The base of records and their parts: immutable, without unknown keys, numbers finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    renamed: ClassVar[Mapping[str, str]] = {}  # keys of records written by earlier versions -> fields

    @model_validator(mode="before")
    @classmethod
    def _rename_keys(cls, content: Any) -> Any:
        if cls.renamed and isinstance(content, dict):
            return {cls.renamed.get(key, key): value for key, value in content.items()}
        return content


class _Versioned(BaseModel):
    schema_version: int | None = None


def to_json(record: BaseModel) -> str:
    """The record as indented JSON."""
    return replace_surrogates(json.dumps(record.model_dump(mode="python"), indent=1, ensure_ascii=False)) + "\n"


def to_compact_json(record: BaseModel) -> str:
    """The record as JSON in one line, without defaults except for the schema version."""
    content = {"schema_version": _schema_version(type(record))} | record.model_dump(
        mode="python", exclude_defaults=True
    )
    return replace_surrogates(json.dumps(content, ensure_ascii=False, separators=(",", ":"))) + "\n"


def read_record(path: Path, kind: type[RecordT], mend: str, also: Collection[int] = ()) -> RecordT:
    """Read a record. Its schema must be the default of the field `schema_version`, if `kind` has one, or in `also`.

    Raises UserError, with `mend` at its end, for a file that is missing, of another schema, no JSON or no such record.
    """
    content, version = read_bytes(path), _schema_version(kind)
    try:
        if version is not None and (found := _Versioned.model_validate_json(content).schema_version) != version:
            has = "no schema_version" if found is None else f"schema {found}"
            if found not in also:
                raise UserError(f"{path} has {has}, this program reads {version}; {mend}")
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise UserError(f"{path} cannot be read: {first_validation_error(error)}; {mend}") from None


def _schema_version(kind: type[BaseModel]) -> int | None:
    field = kind.model_fields.get("schema_version")
    return field.default if field else None
