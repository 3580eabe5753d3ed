"""Records that were written can be read; anything else is refused in one line that says what helps."""

import json

import pytest

from emma_eval.errors import UserError
from emma_eval.utils.records import Record, read_record, to_compact_json, to_json


class Inner(Record):
    name: str = "?"


class Thing(Record):
    schema_version: int = 2
    parts: tuple[Inner, ...] = ()


class Bare(Record):
    name: str


@pytest.mark.parametrize("write", [to_json, to_compact_json])
def test_half_a_surrogate_pair_is_written_as_a_replacement_character(tmp_path, write):
    path = tmp_path / "thing.json"
    path.write_text(write(Thing(parts=(Inner(name="a\ud800b"), Inner(name="\U0001f642")))), encoding="utf-8")
    assert [part.name for part in read_record(path, Thing, "mend").parts] == ["a\ufffdb", "\U0001f642"]


def test_compact_leaves_defaults_out_but_not_the_version():
    assert json.loads(to_compact_json(Thing())) == {"schema_version": 2}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"schema_version": 3, "colour": "red"}', "has schema 3, this program reads 2; fetch it"),
        ('{"parts": []}', "has no schema_version, this program reads 2; fetch it"),
        ('{"schema_version": 2, "colour": "red"}', "cannot be read: unknown key colour; fetch it"),
        ('{"schema_version": 2, "parts": [{"name": 1}]}', r"cannot be read: parts\.0\.name: .*; fetch it"),
        ('{"schema_version": 2', "cannot be read: the whole file: no JSON: .*; fetch it"),
        ("[]", "cannot be read: the whole file: .*; fetch it"),
        ("", "cannot be read: the whole file: .*; fetch it"),
    ],
)
def test_what_is_no_record_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "thing.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=message) as error:
        read_record(path, Thing, "fetch it again")
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"thing\.json is missing"):
        read_record(tmp_path / "thing.json", Thing, "fetch it")


def test_a_record_may_have_no_version(tmp_path):
    path = tmp_path / "bare.json"
    path.write_text('{"name": "x"}')
    assert read_record(path, Bare, "mend") == Bare(name="x")
