"""No cell of a table is dropped, moved or swallowed, and no cell that is written acts as a formula."""

import csv
import io

import pytest

from emma_eval.errors import UserError
from emma_eval.utils.table_io import escape_formula, read_table, to_csv


def rows(tmp_path, text, name="t.csv"):
    (tmp_path / name).write_text(text)
    return [row for _, row in read_table(tmp_path / name, "\t" if name.endswith("tsv") else ",")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('id,a\n1,yes\n2,"yes\n3,yes\n', r"t\.csv, line 3: not a table: .* a quote that is not closed"),
        ('id,a\n1,"yes" no\n', r"t\.csv, line 2: not a table: .* text behind one"),
        ("id,a\n1\n", r"t\.csv, line 2: 1 cell under 2 columns"),
        ("id,a\n1,yes, it is\n", r"t\.csv, line 2: 3 cells under 2 columns; a comma .* needs quotes"),
        ("id,a,a\n1,x,y\n", r"t\.csv, line 1: two columns are called 'a'"),
        ("id;a\n1;x\n", r"t\.csv, line 1: semicolons where commas are expected"),
        ("id\ta\n1\tx\n", r"t\.csv, line 1: tabs where commas are expected .*; name it \.tsv"),
        ("<!doctype html>\n<p>no\n", r"t\.csv: not a table; it is a web page"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        rows(tmp_path, text)


def test_another_delimiter_is_named(tmp_path):
    with pytest.raises(UserError, match=r"t\.tsv, line 1: commas where tabs are expected .*; name it \.csv"):
        rows(tmp_path, "index,question\n1,q\n", "t.tsv")


def test_empty_columns_and_lines_of_a_spreadsheet_are_skipped(tmp_path):
    assert rows(tmp_path, 'id,a,,\n1,"x\ny",,\n\n2,,\n') == [{"id": "1", "a": "x\ny"}, {"id": "2", "a": ""}]


@pytest.mark.parametrize("text", ["=1+2", "@SUM(A1)", "+x", "-x", "\t=1", "\r=1", "=HYPERLINK(1)"])
def test_a_formula_becomes_a_text(text):
    assert escape_formula(text) == f"'{text}"


@pytest.mark.parametrize("cell", ["-0.5", "+3", "-1e-3", 7, -0.5, None, "", "LLaVA-1.5", "a=b"])
def test_numbers_and_other_texts_stay(cell):
    assert escape_formula(cell) == cell


def test_the_leaderboard_has_no_formula():
    from emma_eval.reports.render import CSV_FIELDS
    from emma_eval.reports.render import csv as rendered
    from emma_eval.reports.tables import Cell, Table, TableRow

    record = dict.fromkeys(CSV_FIELDS, "") | {"model": "=cmd|'/C calc'!A0", "value": -0.5}
    table = Table(
        key="t", title="T", corner="", headings=(), rows=(TableRow("x", (Cell("-0.5", -0.5, csv_record=record),)),)
    )
    (read,) = csv.DictReader(io.StringIO(rendered([table])))
    assert (read["model"], read["value"]) == ("'=cmd|'/C calc'!A0", "-0.5")


def test_records_become_csv_as_pandas_writes_it():
    pandas = pytest.importorskip("pandas")
    records = [
        {"model": "LLaVA, 7B", "value": 78.5, "n": 3, "remarks": 'said "yes"\nand no'},
        {"model": "EMMA", "value": 0.1 + 0.2, "n": 12, "remarks": None, "left_out": 1},
        {"model": "x", "value": -1e-9, "n": 0},
    ]
    columns = ["model", "value", "n", "remarks"]
    expected = pandas.DataFrame(records, columns=columns).to_csv(index=False, lineterminator="\n")
    assert to_csv(records, columns) == expected


@pytest.mark.parametrize("text", ["a\rb", "a\nb", "a\r\nb", "\r", 'a "b"', "a,b"])
def test_no_text_in_csv_ends_its_row(text):
    written = to_csv([{"a": text, "b": 1}, {"a": "x", "b": 2}], ["a", "b"])
    rows = list(csv.reader(io.StringIO(written, newline="")))
    assert [row[1] for row in rows] == ["b", "1", "2"]
    assert rows[1][0].removeprefix("'") == text
    assert written.endswith("x,2\n")


def test_no_text_in_csv_is_a_formula():
    assert to_csv([{"a": "=1+1", "b": "-2"}], ["a", "b"]) == "a,b\n'=1+1,-2\n"
