"""A pattern that a user wrote cannot run for ever; one that is well made reads as Python's own."""

import re
import time

import pytest

from emma_eval.errors import UserError
from emma_eval.tasks.columns import Columns
from emma_eval.tasks.reader import get_reader
from emma_eval.utils import patterns

ENDLESS = "(a|aa)+$"  # takes half as long again with each letter


def samples(tmp_path, options, **columns):
    path = tmp_path / "rows.csv"
    path.write_text(f"question,options\nWhich?,{options}\n")
    reader = get_reader("table", Columns(question="question", options="options", **columns))
    return reader.read_files({"rows": path})


@pytest.mark.parametrize("columns", [{"option_regex": ENDLESS}, {"category": "options", "category_regex": ENDLESS}])
def test_an_endless_pattern_is_a_mistake_in_one_line(tmp_path, monkeypatch, columns):
    monkeypatch.setattr(patterns, "TIMEOUT_SECONDS", 0.2)
    began = time.monotonic()
    with pytest.raises(UserError, match=r"rows\.csv, row 1: the pattern .* takes more than 0\.2 seconds"):
        samples(tmp_path, "a" * 60 + "b", **columns)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("pattern", [r"\([ab]\)", r"\s*[A-D]\.\s", r"(?:^| )\w\)"])
def test_splits_are_those_of_pythons_own(pattern):
    for text in ("(a) Open (b) Closed", "A. x B. y", "a) x b) y", "", "none"):
        assert patterns.split(pattern, text) == re.split(pattern, text)


@pytest.mark.parametrize("pattern", ["(?:a{9999}){9999}", "((a{90}){90}){90}", "(a{1,99}){2,999}", "a" * 30_000])
def test_a_pattern_too_large_to_compile_is_refused_at_once(pattern):
    with pytest.raises(ValueError, match="a pattern of more than 20,000 characters, its repetitions written out"):
        Columns(option_regex=pattern)


def test_what_is_no_pattern_is_told():
    with pytest.raises(ValueError, match="not a regular expression"):
        Columns(option_regex="(")
