"""The response log survives any end of the process, and refuses what it did not write."""

import errno
import json
from pathlib import Path

import pytest

from emma_eval.errors import UserError
from emma_eval.results.responses import ResponseLog, read_responses, to_record
from emma_eval.types import Response


def response(number: int, text: str | None = "Yes") -> Response:
    error = None if text is not None else "no such image"
    return Response(str(number), 0, f"prompt {number}\n", "instruction", text, 3, 0.5, error)


OF_BEFORE = {"finish_reason", "prompt_cut"}  # that were not kept


def test_a_record_of_before_finish_reasons_were_kept_is_read(tmp_path):
    path = tmp_path / "t.jsonl"
    lines = [to_record(response(1)), to_record(response(2, None))]
    old = [{key: value for key, value in line.items() if key not in OF_BEFORE} for line in lines]
    path.write_text("".join(json.dumps(line) + "\n" for line in old))
    assert read_responses(path) == [response(1), response(2, None)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"finish_reason": "tired"},
        {"finish_reason": []},
        {"finish_reason": "error"},
        {"finish_reason": "stop", "text": None, "error": "no such image"},
        {"prompt_cut": 1},
        {"tokens": True},
        {"tokens": -1},
        {"seconds": 1e300},
        {"seconds": 10**400},
    ],
)
def test_a_value_that_cannot_be_is_damage(tmp_path, wrong):
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(to_record(response(1)) | wrong) + "\n" + json.dumps(to_record(response(2))))
    with pytest.raises(UserError, match=r"line 1 is damaged"):
        read_responses(path)


def written(path: Path, *responses: Response) -> None:
    with ResponseLog(path) as log:
        for one in responses:
            log.append(one)


def test_what_is_appended_is_read_back(tmp_path):
    path = tmp_path / "responses" / "t.jsonl"
    said = [response(1), response(2, None), response(3, 'a "quoted"\u2028 line\n and 中文 \ud800')]
    written(path, *said)
    assert read_responses(path) == said


def test_an_answer_is_in_the_file_as_soon_as_it_is_appended(tmp_path):
    path = tmp_path / "t.jsonl"
    with ResponseLog(path) as log:
        log.append(response(1))
        assert read_responses(path) == [response(1)]


@pytest.mark.parametrize(
    "torn",
    [
        pytest.param(b'{"id": "3", "rou', id="cut in the middle"),
        pytest.param(b'{"id": "3", "round": 0, "prompt": "\xe4\xb8', id="cut inside a character"),
        pytest.param(b"\x00" * 300, id="a power cut's zeros"),
        pytest.param(b"\n", id="an empty line"),
    ],
)
def test_a_torn_last_line_is_taken_off(tmp_path, torn):
    path = tmp_path / "t.jsonl"
    written(path, response(1), response(2))
    with path.open("ab") as file:
        file.write(torn)
    assert read_responses(path) == [response(1), response(2)]
    written(path, response(3))
    assert read_responses(path) == [response(1), response(2), response(3)]
    assert path.read_bytes().count(b"\n") == 3


def test_a_whole_last_line_without_its_newline_is_kept(tmp_path):
    path = tmp_path / "t.jsonl"
    written(path, response(1), response(2))
    path.write_bytes(path.read_bytes()[:-1])
    written(path, response(3))
    assert read_responses(path) == [response(1), response(2), response(3)]


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_wherever_the_file_is_cut_whole_answers_stay_and_the_next_is_appended_cleanly(tmp_path, cut):
    path = tmp_path / "t.jsonl"
    written(path, response(1), response(2))
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    written(path, response(9))
    numbers = [one.sample_id for one in read_responses(path)]
    assert numbers == [n for n, end in zip("12", (len(whole) // 2, len(whole)), strict=True) if cut >= end - 1] + ["9"]


@pytest.mark.parametrize("damage", [b"garbage\n", b"\n", b'{"id": 1}\n', b"[]\n", b"[" * 99_999 + b"\n"])
def test_damage_before_the_last_line_names_file_and_line(tmp_path, damage):
    path = tmp_path / "t.jsonl"
    written(path, response(1))
    with path.open("ab") as file:
        file.write(damage)
    with path.open("ab") as file:
        file.write(path.read_bytes().split(b"\n")[0] + b"\n")
    with pytest.raises(UserError, match=r"t\.jsonl, line 2 is damaged"):
        read_responses(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [("prompt", []), ("instruction", None), ("text", 5), ("tokens", "3"), ("tokens", 1e9), ("seconds", float("nan"))],
)
def test_a_field_of_another_kind_is_damage(tmp_path, field, value):
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(to_record(response(1)) | {field: value}) + "\n" + json.dumps(to_record(response(2))))
    with pytest.raises(UserError, match=rf"t\.jsonl, line 1 is damaged \(.*{field}"):
        read_responses(path)


def test_a_full_disk_is_told_and_the_next_session_goes_on(tmp_path, monkeypatch):
    path = tmp_path / "t.jsonl"
    written(path, response(1))

    class Full:
        """A file with room for ten more bytes."""

        def __init__(self, file):
            self.file, self.room = file, 10

        def write(self, data):
            if not self.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            count = self.file.write(data[: self.room])
            self.room -= count
            return count

        def __getattr__(self, name):
            return getattr(self.file, name)

    with pytest.raises(OSError, match="No space left") as caught, ResponseLog(path) as log:
        monkeypatch.setattr(log, "_file", Full(log._file))
        log.append(response(2))
    assert caught.value.filename == str(path)
    assert read_responses(path) == [response(1)]
    written(path, response(2))
    assert read_responses(path) == [response(1), response(2)]
