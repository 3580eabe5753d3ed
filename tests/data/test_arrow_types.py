"""Cells of a Parquet or Arrow table that are no texts or numbers: refused with row and column, never written out."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from emma_eval.data.hub.dataset import HubTable
from emma_eval.data.readers.table import reader_of
from emma_eval.errors import UserError
from emma_eval.tasks.columns import Columns
from emma_eval.types import Sample

COLUMNS = Columns(id="id", question="q", answer="a", options="o", meta={"m": "m"}, hint="h", category="c")
ROW = {"id": "7", "q": "Which?", "a": "A", "o": ["A", "B"], "m": "x", "h": "y", "c": "z"}
OTHERS = {
    "bytes": b"red", "a date or time": datetime(2020, 1, 1), "a date": date(2020, 1, 1), "a time": time(1),
    "a duration": timedelta(1), "NaN": float("nan"), "Infinity": float("inf"), "an object": {"x": 1},
}  # fmt: skip
OFFSETS = pa.py_buffer(b"\0\0\0\0\1\0\0\0")


def samples(**cells: Any) -> list[Sample]:
    content = {name: pa.array([value]) for name, value in (ROW | cells).items()}
    read = reader_of(COLUMNS).read_rows
    assert read is not None
    return read("rows", HubTable("rows", pa.table(content), []))


@pytest.mark.parametrize("column", ROW)
@pytest.mark.parametrize("value", OTHERS.values(), ids=OTHERS)
def test_what_is_no_text_is_refused_with_its_row(column: str, value: Any) -> None:
    """As `str` writes them, a model would be asked `b'red'`, and `nan` would be the right answer."""
    with pytest.raises(UserError, match=rf"rows, row 0: (key ')?{column}'?(:| must be) a text"):
        samples(**{column: value})


@pytest.mark.parametrize("value", [3, 3.0, Decimal("3.50")])
def test_numbers_are_texts_as_they_are_written(value: Any) -> None:
    (sample,) = samples(q=value, a=value, h=value)
    assert (sample.question, sample.references, sample.hint) == (str(value), (str(value),), str(value))


@pytest.mark.parametrize("kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())])
def test_other_forms_of_text_are_texts(kind: Any) -> None:
    assert samples(q=pa.scalar("Which?", pa.string())) == samples()
    table = pa.table({name: pa.array([value]) for name, value in ROW.items()} | {"q": pa.array(["Which?"]).cast(kind)})
    read = reader_of(COLUMNS).read_rows
    assert read is not None
    assert read("rows", HubTable("rows", table, [])) == samples()


@pytest.mark.parametrize(
    "damaged",
    [
        pa.Array.from_buffers(pa.string(), 1, [None, OFFSETS, pa.py_buffer(b"\xff")]),
        pa.DictionaryArray.from_arrays(pa.array([5]), pa.array(["a"]), safe=False),
    ],
    ids=["no UTF-8", "no such word"],
)
def test_a_damaged_table_is_refused_before_it_is_read(damaged: Any) -> None:
    """Arrow itself would read past the end of its memory."""
    with pytest.raises(UserError, match="rows: its table is damaged: "):
        HubTable("rows", pa.table({"q": damaged}), [])
