"""Columns of any name and kind, and what is said when they do not fit."""

import json

import pytest

from emma_eval.errors import UserError
from emma_eval.tasks.columns import Columns
from emma_eval.tasks.loading import load_task
from emma_eval.tasks.reader import get_reader

ROW = {"q": "Which?", "a": "B", "x": ["one", "two"], "deep": {"er": "kind"}}


def read(tmp_path, content, name="rows.json", **columns):
    path = tmp_path / name
    lines = "\n".join(map(json.dumps, content)) if name.endswith("jsonl") else json.dumps(content)
    path.write_text(content if isinstance(content, str) else lines)
    return get_reader("table", Columns(question="q", answer="a", **columns)).read_files({"rows": path})


def test_columns_within_columns_and_one_of_two_names(tmp_path):
    (one,) = read(tmp_path, [ROW], category="deep.er", id="number|q", meta={"kind": "deep.er"})
    assert (one.id, one.category, one.meta["kind"]) == ("Which?", "kind", "kind")


def test_an_id_of_a_column_with_gaps_is_a_whole_number(tmp_path):
    (one,) = read(tmp_path, [ROW | {"n": 262148000.0}], id="n")
    (filled,) = read(tmp_path, [ROW | {"n": 7.0}], id="x_{n}")
    assert (one.id, filled.id) == ("262148000", "x_7")


def test_rows_keyed_by_id_or_below_a_key(tmp_path):
    (keyed,) = read(tmp_path, {"7": ROW}, id="id")
    (below,) = read(tmp_path, {"data": [ROW]}, rows="data")
    assert (keyed.id, below.id) == ("7", "0")


@pytest.mark.parametrize(
    ("form", "cell", "options"),
    [("letter", "(b)", ["one", "two"]), ("index", 1, ["one", "two"]), ("option", "two", ["one", "two"])],
)
def test_the_truth_as_letter_number_or_text_of_an_option(tmp_path, form, cell, options):
    (one,) = read(tmp_path, [ROW | {"a": cell, "x": options}], options="x", answer_is=form)
    assert one.references == ("B",)


def test_a_table_of_tab_separated_values(tmp_path):
    (one,) = read(tmp_path, "q\ta\tA\tB\nWhich?\tB\tone\ttwo\n", "rows.tsv", options=["A", "B"], answer_is="letter")
    assert (one.options, one.references) == (("one", "two"), ("B",))


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([{"q": "?", "aa": "B"}], {}, r"row 0: key 'a' is missing; did you mean 'aa'\?"),
        ([ROW, 5], {}, "row 1: a JSON object is expected, not a number"),
        ([ROW | {"a": "C"}], {"options": "x", "answer_is": "letter"}, "row 0: answer 'C' is none of the 2 options"),
        ([ROW | {"a": 2}], {"options": "x", "answer_is": "index"}, "row 0: answer 2 is no number of one of the 2 opt"),
        ([ROW | {"a": "b"}], {"options": "x", "answer_is": "index"}, "row 0: answer 'b' is no number of one of the 2"),
        ([ROW | {"x": "['one'"}], {"options": "x", "stringified_lists": "x"}, "row 0: .* is not a list"),
        ([ROW], {"category": "q", "category_regex": "(z+)"}, "row 0: q 'Which\\?' does not tell the category"),
        ([ROW | {"x": ["a.jpg", 5]}], {"images": "x"}, "row 0: x must be a file's name, not 5"),
        ([ROW], {"images": "q", "image_name": "../{q}.jpg"}, "row 0: the file name .* leads out of its folder"),
        ([ROW | {"q": None}], {}, "row 0: key 'q': a text is expected, not null"),
        ([ROW | {"a": {"b": 1}}], {}, "row 0: key 'a': a text is expected, not {"),
        ([ROW | {"n": None}], {"id": "n"}, "row 0: key 'n': a text is expected, not null"),
        ([ROW | {"n": " "}], {"id": "n"}, "row 0: key 'n': an id is expected, not ' '"),
        ([ROW | {"n": ["7"]}], {"id": "x_{n}"}, "row 0: key 'n': a text is expected, not "),
        ("5", {}, "a JSON list of rows is expected, not a number"),
        ([ROW], {"rows": "data"}, "a JSON object with the key 'data' is expected"),
    ],
)
def test_rows_that_do_not_fit_are_told_by_file_and_row(tmp_path, rows, columns, message):
    with pytest.raises(UserError, match=rf"rows\.json.*{message}"):
        read(tmp_path, rows, **columns)


@pytest.mark.parametrize(("form", "answer"), [("letter", "B"), ("index", "1"), ("option", "two")])
def test_of_several_option_columns_the_one_that_is_not_there_is_named(tmp_path, form, answer):
    rows = f"q\ta\tFirst\tSecond\nWhich?\t{answer}\tone\ttwo\n"
    with pytest.raises(UserError, match=r"of the 1 options, and there is no column 'Secnd'; did you mean 'Second'\?"):
        read(tmp_path, rows, "rows.tsv", options=["First", "Secnd"], answer_is=form)


def test_the_lines_of_a_json_lines_file_count_from_one(tmp_path):
    with pytest.raises(UserError, match=r"rows\.jsonl, row 2: key 'a' is missing"):
        read(tmp_path, [ROW, {"q": "?"}], "rows.jsonl")


def test_pairs_follow_the_number_that_a_column_gives(tmp_path):
    """MMVP's questions are numbered, two to a pair, whatever the order of the rows."""
    path = tmp_path / "Questions.csv"
    rows = [f"{n},Is it open?,(a) Open (b) Closed,(a)" for n in (3, 2, 4, 1)]
    path.write_text("\n".join(["Index,Question,Options,Correct Answer", *rows]) + "\n")
    task = load_task("mmvp")
    samples = get_reader("table", task.columns).read_files({"rows": path})
    assert {sample.id: sample.meta["pair"] for sample in samples} == {"3": 1, "2": 0, "4": 1, "1": 0}


def test_mmvps_options_are_a_and_b(tmp_path):
    path = tmp_path / "Questions.csv"
    path.write_text("Index,Question,Options,Correct Answer\n1,Which?,(a) a (c) sign (b) none,(b)\n")
    (sample,) = get_reader("table", load_task("mmvp").columns).read_files({"rows": path})
    assert (sample.options, sample.references) == (("a (c) sign", "none"), ("B",))


def test_where_cells_say_that_there_is_no_option_an_empty_one_is_an_option(tmp_path):
    """A-Bench's, as EMMA's script shows them; elsewhere an empty cell is none."""
    path = tmp_path / "dev.jsonl"
    row = {"id": 1, "question": "Which?", "image": "a.png", "option0": "a", "option1": "", "option2": "c"}
    path.write_text(json.dumps(row | {"option3": "N/A", "correct_choice": "C", "category": "k"}) + "\n")
    (sample,) = get_reader("table", load_task("abench").columns).read_files({"rows": path})
    assert (sample.options, sample.references) == (("a", "", "c"), ("C",))
