"""Lines that fit: tables lose columns before they lose numbers, and words, paths and intervals stay whole."""

import io

import pytest

from emma_eval.utils.terminal import (
    Column,
    known_width,
    paragraph,
    quoted,
    table_lines,
    terminal_width,
    text_width,
)

COLUMNS = (Column("task"), Column("score", right=True), Column("n", right=True, drop=1), Column("test", drop=2))
ROWS = (("vqav2", "86.2", "214,354", "bootstrap"), ("gqa", "9.0", "12,578", "McNemar"))


def test_a_table_that_fits_is_shown_whole():
    assert table_lines(COLUMNS, ROWS, 80) == [
        "task   score        n  test",
        "vqav2   86.2  214,354  bootstrap",
        "gqa      9.0   12,578  McNemar",
    ]


def test_columns_go_in_their_order_until_the_table_fits():
    assert table_lines(COLUMNS, ROWS, 31)[0] == "task   score        n"
    assert table_lines(COLUMNS, ROWS, 20)[0] == "task   score"


def test_a_table_that_fits_in_no_way_becomes_a_paragraph_a_row():
    wide = [(name, f"{score} [1.0, 2.0]", n, test) for name, score, n, test in ROWS]
    lines = table_lines(COLUMNS, wide, 20)
    assert lines == ["vqav2: score 86.2", "    [1.0, 2.0]", "gqa: score 9.0", "    [1.0, 2.0]"]


def test_columns_of_words_are_broken_between_words_the_widest_first():
    columns = (Column("name"), Column("what", wraps=True), Column("n", right=True))
    rows = [("a", "some words that go on for a while", "1")]
    assert table_lines(columns, rows, 28) == [
        "name  what                 n",
        "a     some words that go   1",
        "      on for a while",
    ]


def test_empty_columns_and_no_rows():
    assert table_lines(COLUMNS, [("a", "", "", "")], 80) == ["task", "a"]
    assert table_lines(COLUMNS, [], 80) == []


def test_wide_characters_count_twice():
    assert text_width("答え") == 4
    assert text_width("e\N{COMBINING ACUTE ACCENT}") == 1
    first, second = table_lines((Column("name"), Column("n", right=True)), [("答え", "1")], 80)
    assert (text_width(first), text_width(second)) == (7, 7)


def test_text_breaks_at_blanks_alone():
    path = "/data/" + "benchmarks/" * 8 + "file-name.json"
    lines = paragraph(f"mmbench_en: there is no {path} here, 86.2 [82.1, 90.4]", 40, rest="  ")
    assert f"  {path}" in lines
    assert any("[82.1, 90.4]" in line for line in lines)
    assert all(len(line) <= 40 for line in lines if path not in line)


def test_control_characters_cannot_move_the_cursor():
    assert paragraph("a\x1b[2Jb\nc", 80) == ["a\\x1b[2Jb c"]
    assert table_lines((Column("x"),), [("\x1b[1m\n",)], 80)[1] == "\\x1b[1m"


@pytest.mark.parametrize(("columns", "width"), [("120", 120), ("60", 60), ("7", 40), ("many", 80), ("0", 80)])
def test_the_width_is_that_of_the_variable_else_80(columns, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    assert terminal_width(io.StringIO()) == width


def test_texts_to_be_read_as_they_are_stay_whole_where_no_width_is_known(monkeypatch):
    prompt = "USER: " + "word " * 30 + "\n\n  A. red"
    monkeypatch.delenv("COLUMNS", raising=False)
    assert known_width(io.StringIO()) is None
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert "\n".join(line.removeprefix("    ") for line in quoted(prompt)) == prompt
    monkeypatch.setenv("COLUMNS", "60")
    lines = quoted(prompt)
    assert lines[0].startswith("    USER:")
    assert lines[1].startswith("      word")  # further in: it goes on
    assert lines[-1] == "      A. red"
    assert max(map(len, lines)) <= 60
