"""Lines carry a checksum: a changed byte is noticed even where the line is JSON still."""

import json

import pytest

from emma_eval.errors import UserError
from emma_eval.results.line_log import LineLog, read_lines, with_checksum, without_checksum

RECORDS = [{"id": "1", "text": "red"}, {"id": "2", "text": "ein Bär"}, {"id": "3", "text": "blue"}]


@pytest.fixture
def path(tmp_path):
    found = tmp_path / "log.jsonl"
    with LineLog(found, 0) as log:
        for record in RECORDS:
            log.write(record)
    return found


def read(path):
    return read_lines(path, json.loads, "it is asked again")


def test_the_checksum_is_the_crc_32_that_gzip_writes():
    line = with_checksum(b'{"id": "1"}')
    assert line == b'{"id": "1", "crc32": "c3dbaec1"}'
    assert json.loads(line) == {"id": "1", "crc32": "c3dbaec1"}
    assert without_checksum(line) == b'{"id": "1"}'


def test_what_is_written_is_read_without_its_checksum(path):
    assert read(path) == (RECORDS, path.stat().st_size)


def test_lines_without_a_checksum_are_read(tmp_path):
    path = tmp_path / "earlier.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    assert read(path)[0] == RECORDS


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
def test_no_changed_byte_goes_unnoticed_or_changes_what_is_read(path, mask):
    """Of the last line, too, which is then asked again; a byte of the checksum's own key changes nothing."""
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ mask]) + whole[place + 1 :])
        try:
            found = read(path)[0]
        except UserError as error:
            assert "log.jsonl, line " in str(error)
            assert "delete that line, and it is asked again" in str(error)
            continue
        texts = [{name: record[name] for name in ("id", "text")} for record in found]
        assert texts in (RECORDS, RECORDS[:2], RECORDS[:1])  # the last: two lines have become one


def test_a_line_that_was_changed_says_what_to_do(path):
    path.write_text(path.read_text().replace("red", "rad"))
    with pytest.raises(UserError, match=r"line 1 is damaged .*not as it was written, by its crc32; whoever changes it"):
        read(path)
