"""Any content of a response log is read, treated as an incomplete last line, or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emma_eval.errors import UserError
from emma_eval.results.responses import FIELDS, LATER_FIELDS, ResponseLog, from_record, read_responses, to_record
from emma_eval.types import Response
from tests.fuzzing import JSON_VALUES, as_json, fuzz_settings, run_fuzz

SOUND = to_record(Response("1", 0, "prompt", "instruction", "Yes", 3, 0.5, None, "stop", False))
KEYS = st.sampled_from([*FIELDS, *LATER_FIELDS]) | st.text(max_size=5)
ALTERED = st.builds(lambda changes: as_json(SOUND | changes), st.dictionaries(KEYS, JSON_VALUES, max_size=3))
SHORTER = st.builds(
    lambda left: json.dumps({k: v for k, v in SOUND.items() if k not in left}), st.sets(KEYS, max_size=3)
)
LINES = st.lists(
    (ALTERED | SHORTER | JSON_VALUES.map(as_json)).map(str.encode)
    | st.binary(max_size=20)
    | st.just(json.dumps(SOUND).encode()),
    max_size=5,
)


def test_records_are_read_or_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"

    @fuzz_settings
    @given(LINES, st.integers(0, 30))
    def fuzz(lines: list[bytes], cut: int) -> None:
        content = b"".join(line + b"\n" for line in lines)
        path.write_bytes(content[: len(content) - cut])
        try:
            said = read_responses(path)
        except UserError as error:
            assert "\n" not in str(error)
            assert str(path) in str(error)
            return
        with ResponseLog(path) as log:
            log.append(from_record(SOUND))
        assert read_responses(path) == [*said, from_record(SOUND)]

    run_fuzz(fuzz, tests=2)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    texts = st.text()
    answered = st.builds(
        Response,
        sample_id=texts,
        pass_index=st.integers(0, 10**8),
        prompt=texts,
        instruction=texts,
        text=texts,
        tokens=st.integers(0, 10**6),
        seconds=st.integers(0, 10**6).map(lambda n: n / 8),
        error=st.none(),
        finish_reason=st.sampled_from([None, "stop", "length"]),
        prompt_cut=st.sampled_from([None, True, False]),
    )

    @fuzz_settings
    @given(st.lists(answered, max_size=4))
    def fuzz(responses: list[Response]) -> None:
        path.unlink(missing_ok=True)
        with ResponseLog(path) as log:
            for response in responses:
                log.append(response)
        assert read_responses(path) == responses

    run_fuzz(fuzz, tests=2)


@pytest.mark.parametrize("line", ['{"id": 1e400}', "[" * 100_000, "9" * 5000, '{"id": "\\ud800"}'])
def test_what_json_readers_stumble_over(line: str, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(line + "\n" + json.dumps(SOUND) + "\n")
    with pytest.raises(UserError, match=r"\A[^\n]*line 1 is damaged[^\n]*\Z"):
        read_responses(path)
