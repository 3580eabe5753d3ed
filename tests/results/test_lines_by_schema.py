"""Decoding by a schema gives for every line what json and reading value by value give, or refuses it, too."""

from __future__ import annotations

import json

import pytest
from hypothesis import strategies as st

from emma_eval.results.responses import FIELDS, LATER_FIELDS, from_record, to_record
from emma_eval.results.responses import parse_line as parse_response
from emma_eval.results.sample_scores import SAMPLE_FIELDS, score_of
from emma_eval.results.sample_scores import parse_line as parse_score
from emma_eval.types import Response, Served
from tests.fuzzing import JSON_VALUES, as_json, fuzz_test

RESPONSE = to_record(Response("1", 0, "prompt", "instruction", "Yes", 3, 0.5, None, "stop", False))
SERVED = to_record(Response("1", 0, "p", "i", "Yes", 3, 0.5, served=Served("m", "f", 5, 3)))
SCORE = {"id": "1", "score": 0.3, "parsed_answer": "yes", "status": "answered", "cluster": ""}
REFUSALS = ValueError, KeyError, TypeError


def lines(sound, names):
    keys = st.sampled_from([*names, "round", "served", "value", "read_as"]) | st.text(max_size=5)
    changes = st.dictionaries(keys, JSON_VALUES, max_size=3)
    altered = st.builds(
        lambda new, gone: {k: v for k, v in (sound | new).items() if k not in gone}, changes, st.sets(keys, max_size=2)
    )
    return (altered | JSON_VALUES).map(as_json).map(lambda text: text.encode("utf-8", "backslashreplace"))


def outcome(parse, line):
    try:
        return parse(line)
    except REFUSALS:
        return "refused"


@fuzz_test(lines(RESPONSE, [*FIELDS, *LATER_FIELDS]), tests=2)
def test_responses(line):
    assert outcome(parse_response, line) == outcome(lambda one: from_record(json.loads(one)), line)


@fuzz_test(lines(SCORE, SAMPLE_FIELDS), tests=2)
def test_scores(line):
    assert outcome(parse_score, line) == outcome(lambda one: score_of(json.loads(one)), line)


@pytest.mark.parametrize("record", [RESPONSE, SERVED])
def test_a_sound_line_is_what_was_written(record):
    assert to_record(parse_response(json.dumps(record).encode())) == record


def test_lines_of_earlier_versions_are_read():
    earlier = {"round" if key == "pass_index" else key: value for key, value in RESPONSE.items()}
    assert parse_response(json.dumps(earlier).encode()) == from_record(RESPONSE)
    earlier = {"id": "1", "value": 0.3, "read_as": "yes", "status": "answered", "cluster": ""}
    assert parse_score(json.dumps(earlier).encode()) == score_of(SCORE)


@pytest.mark.parametrize("text", ["\ud800", "\U0001f600", "\0", "ein Bär", '"', "\u2028"])
def test_any_text_is_read(text):
    line = json.dumps(RESPONSE | {"text": text}, ensure_ascii=False).encode("utf-8", "backslashreplace")
    assert parse_response(line).text == text
