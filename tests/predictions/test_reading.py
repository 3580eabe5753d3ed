"""Read answers of any program: formats, joins, and mistakes reported in one line."""

import gc
import gzip
import json
import sys
import zipfile
from pathlib import Path

import pytest

from emma_eval.errors import UserError
from emma_eval.predictions import read_predictions
from emma_eval.tasks.loading import load_task
from emma_eval.types import Sample
from tests.open_files import open_files

TWO = [Sample("1", "Is it a cat?"), Sample("2", "Is it a dog?")]
MME = [Sample("OCR/7.jpg#0", "Is it A? Please answer yes or no.", category="OCR", meta={"image": "7.jpg", "pair": 0})]
CIRCULAR = [Sample("1", "Which?", options=("x", "y"))]
MMBENCH = load_task("mmbench_en")


def write(tmp_path, content, name="answers.jsonl"):
    path = tmp_path / name
    if isinstance(content, list):
        content = "\n".join(json.dumps(row) for row in content) + "\n"
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    return path


def texts(predictions):
    return {key: answer.text for key, answer in predictions.answers.items()}


@pytest.mark.parametrize(
    "rows",
    [
        [{"question_id": 1, "text": "yes"}, {"question_id": "2", "text": "no"}],
        [{"question_id": 1, "answer": "yes"}, {"question_id": 2, "answer": "no"}],  # VQA
        [{"questionId": "1", "prediction": "yes"}, {"questionId": "2", "prediction": "no"}],  # GQA
        [{"image": "1", "answer": "yes"}, {"image": "2", "answer": "no"}],  # VizWiz
        [{"id": 1, "response": "yes"}, {"id": 2, "response": "no"}],  # AMBER
        [{"image_id": 1, "caption": "yes"}, {"image_id": 2, "caption": "no"}],  # captions
        [{"question": "Is it a cat?", "answer": "yes"}, {"question": "Is it a dog?", "answer": "no"}],  # POPE
    ],
)
@pytest.mark.parametrize("name", ["answers.jsonl", "answers.jsonl.gz", "answers.json"])
def test_rows_of_every_official_format(tmp_path, rows, name):
    content = json.dumps(rows) if name.endswith(".json") else rows
    assert texts(read_predictions(write(tmp_path, content, name), TWO)) == {("1", 0): "yes", ("2", 0): "no"}


@pytest.mark.parametrize("indent", [None, 2])
def test_scienceqas_results_file(tmp_path, indent):
    content = json.dumps({"acc": 50, "outputs": {"1": "A", "2": "B"}}, indent=indent)
    assert texts(read_predictions(write(tmp_path, content, "r.json"), TWO)) == {("1", 0): "A", ("2", 0): "B"}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "content",
    [
        {"1": "A", "2": "B"},  # MMMU, MM-Vet
        {"1": {"pid": "1", "answer": "truth", "response": "A"}, "2": {"pid": "2", "response": "B"}},  # MathVista
    ],
)
def test_answers_by_id(tmp_path, content, indent):
    path = write(tmp_path, json.dumps(content, indent=indent), "r.json")
    assert texts(read_predictions(path, TWO)) == {("1", 0): "A", ("2", 0): "B"}


def test_a_single_row_is_no_answers_by_id(tmp_path):
    path = write(tmp_path, [{"question_id": 1, "text": "A"}])
    assert texts(read_predictions(path, TWO)) == {("1", 0): "A"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", "index\tprediction\n1\tA\n1000001\tB\n"),
        ("a.csv", 'index,comment,prediction\n1,"a\nb",A\n1000001,,B\n'),
        ("a.jsonl", '{"index": 1, "prediction": "A"}\n{"index": 1000001, "prediction": "B"}\n'),
        ("a.jsonl", '{"question_id": 1, "round_id": 0, "text": "A"}\n{"question_id": 1, "round_id": 1, "text": "B"}\n'),
    ],
)
def test_mmbench_rows_have_a_pass_in_their_index_or_beside_it(tmp_path, name, content):
    assert texts(read_predictions(write(tmp_path, content, name), CIRCULAR, MMBENCH)) == {("1", 0): "A", ("1", 1): "B"}


def test_mmes_folder_joins_by_subtask_image_and_question(tmp_path):
    write(tmp_path, "7.png\tIs it A?\tYes\tno idea\n", "OCR.txt")
    assert texts(read_predictions(tmp_path, MME, load_task("mme"))) == {("OCR/7.jpg#0", 0): "no idea"}


def test_numbers_are_written_as_a_spreadsheet_writes_them(tmp_path):
    rows = [{"question_id": 1, "text": 3.0}, {"question_id": 2, "text": 2.5}]
    assert texts(read_predictions(write(tmp_path, rows), TWO)) == {("1", 0): "3", ("2", 0): "2.5"}


def test_a_runs_own_record_keeps_prompts_and_failures(tmp_path):
    rows = [
        {"id": "1", "round": 0, "prompt": "<image>\nIs it a cat?", "text": "yes", "error": None},
        {"id": "2", "round": 0, "prompt": "Is it a dog?", "text": None, "error": "no such image"},
    ]
    predictions = read_predictions(write(tmp_path, rows), TWO)
    assert predictions.answers["1", 0].prompt == "<image>\nIs it a cat?"
    assert predictions.failed == {("2", 0)}


def test_of_repeated_rows_the_later_counts_with_a_note(tmp_path):
    rows = [{"question_id": 1, "text": text} for text in ("yes", None, "no")]
    predictions = read_predictions(write(tmp_path, rows), TWO)
    assert texts(predictions) == {("1", 0): "no"}
    assert not predictions.failed
    assert predictions.notes == ("2 repeated answers: the later one counts",)


def test_foreign_answers_are_counted_and_the_first_is_named(tmp_path):
    rows = [{"question_id": id_, "text": "yes"} for id_ in (1, 77, 78)]
    path = write(tmp_path, rows)
    message = "2 answers to questions, or passes of questions, that are not in the data, the first, line 2, to '77'"
    with pytest.raises(UserError, match=message):
        read_predictions(path, TWO)
    assert texts(read_predictions(path, TWO, ignore_foreign=True)) == {("1", 0): "yes"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"question_id": 1, "text": "a"}\n\n{"question_id": 2, "text"\n', "line 3, column 26: not JSON"),
        ('[{"question_id": 1,\n "text": }]', "line 2, column 10: not JSON"),
        ('{"question_id": 1, "txt": "a"}\n', "line 1: no answer.*the row has 'question_id', 'txt'.*--answer-key"),
        ('{"question_ids": 1, "text": "a"}\n', "line 1: no id.*the row has 'question_ids', 'text'"),
        ('{"question_id": 1, "text": ["a"]}\n', "line 1: text must be text, not a list of 1"),
        ('{"question_id": 1, "round_id": "x", "text": "a"}\n', "line 1: round_id 'x'"),
        ('{"question_id": 1, "prompt": ["p"], "text": "a"}\n', "line 1: prompt must be text, not list"),
        ('{"question_id": 77, "text": ["a"]}\n', "line 1: text must be text"),  # rather than: no such question
        ('{"question_id": ' + "9" * 5000 + ', "text": "a"}\n', "line 1: JSON that cannot be read: .*5000 digits"),
        ("[" * 100_000, "JSON that cannot be read: brackets nested too deep"),
        ("", "there are no answers in it"),
        ("5\n", "line 1: a JSON object is expected, not int"),
        ('[[1, "a"]]', "row 0: a JSON object is expected, not list"),
        ('{"question": "Is it a dog?", "answer": "a"}\n', "line 1: no id; .*by their order where there are as many"),
        ('{"question": "Is it a cat?", "answer": "a"}\n', "line 1: no id; .*by their order where there are as many"),
    ],
)
def test_mistakes_name_file_and_line(tmp_path, content, message):
    path = write(tmp_path, content)
    with pytest.raises(UserError, match=message) as caught:
        read_predictions(path, TWO)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_tables_rounds_are_numbers_written_as_text(tmp_path):
    path = write(tmp_path, "question_id,round_id,text\n1,0,A\n1,1,B\n", "answers.csv")
    assert texts(read_predictions(path, CIRCULAR, MMBENCH)) == {("1", 0): "A", ("1", 1): "B"}


def test_a_row_with_more_cells_than_the_table_has_columns(tmp_path):
    path = write(tmp_path, "question_id,txt\n1,a,b\n", "answers.csv")
    with pytest.raises(UserError, match="line 2: 3 cells under 2 columns"):
        read_predictions(path, TWO)


def test_missing_files_are_the_users_mistake(tmp_path):
    with pytest.raises(UserError, match="is missing"):
        read_predictions(tmp_path / "none.jsonl", TWO)
    with pytest.raises(UserError, match=r"no \.txt files"):
        read_predictions(tmp_path, MME)


SHEET = "xl/worksheets/sheet1.xml"


def sheet(path, *rows, second=()):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for row in second:
        (book["more"] if "more" in book.sheetnames else book.create_sheet("more")).append(row)
    book.save(path)
    return path


def test_an_excel_sheet(tmp_path):
    path = sheet(tmp_path / "a.xlsx", ("index", "prediction"), (1, "=A"), (1_000_001.0, 3.0))
    assert texts(read_predictions(path, CIRCULAR, MMBENCH)) == {("1", 0): "=A", ("1", 1): "3"}  # no formula, no 3.0


@pytest.mark.parametrize(
    ("rows", "second", "message"),
    [
        ([("index", "prediction", "prediction"), (1, "A", "B")], (), "two columns are called 'prediction'"),
        ([("index", "prediction"), (1, "A", "B")], (), "row 2: a cell stands in a column without a name"),
        ([("index", "prediction"), (1, "A")], [("index", "prediction"), (1, "B")], "2 sheets have rows"),
        ([], (), "there are no answers in it"),
    ],
)
def test_a_doubtful_sheet_is_refused(tmp_path, rows, second, message):
    with pytest.raises(UserError, match=message):
        read_predictions(sheet(tmp_path / "a.xlsx", *rows, second=second), CIRCULAR, MMBENCH)


def change_part(path, name, change):
    """Write the Excel file again with one of its parts changed."""
    with zipfile.ZipFile(path) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in parts.items():
            archive.writestr(part, change(content) if part == name else content)


@pytest.mark.parametrize("claimed", [b"A1", b"A1:B2", b"A1:XFD1048576"])
def test_the_size_that_a_sheet_claims_is_not_believed(tmp_path, claimed):
    """Rows beyond a smaller one would be lost; for a larger one, cells would be made up by the milliard."""
    path = sheet(tmp_path / "a.xlsx", ("index", "prediction"), (1, "A"), (1_000_001.0, "B"))
    change_part(path, SHEET, lambda xml: xml.replace(b'ref="A1:B3"', b'ref="%s"' % claimed))
    assert texts(read_predictions(path, CIRCULAR, MMBENCH)) == {("1", 0): "A", ("1", 1): "B"}


def test_an_excel_file_that_unpacks_to_gigabytes_is_refused_unread(tmp_path):
    path = sheet(tmp_path / "a.xlsx", ("index", "prediction"), (1, "A"))
    change_part(path, SHEET, lambda xml: xml + b" " * 2**28)
    with pytest.raises(UserError, match=r"it unpacks to 268\.5 MB, as no file of answers does"):
        read_predictions(path, CIRCULAR, MMBENCH)


def test_a_sheet_of_millions_of_empty_cells_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("emma_eval.predictions.excel_format.MAX_CELLS", 1000)
    path = sheet(tmp_path / "a.xlsx", ("index", "prediction"), (1, "A"))
    far = b'<row r="9000"><c r="A9000" t="n"><v>1</v></c></row></sheetData>'
    change_part(path, SHEET, lambda xml: xml.replace(b"</sheetData>", far))
    with pytest.raises(UserError, match="it has more than 1,000 cells, as no file of answers does"):
        read_predictions(path, CIRCULAR, MMBENCH)


def test_no_excel_file_or_nothing_to_read_it_with(tmp_path, monkeypatch):
    path = write(tmp_path, "no archive", "answers.xlsx")
    with pytest.raises(UserError, match="not an Excel file"):
        read_predictions(path, TWO)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(UserError, match="need openpyxl"):
        read_predictions(path, TWO)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="finds open files in /proc")
@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml"])
def test_a_workbook_that_cannot_be_read_is_closed(tmp_path, part):
    """A thousand of them, and no file could be opened any more."""
    path = sheet(tmp_path / "a.xlsx", ("index", "prediction"), (1, "A"))
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, b"" if name == part else content)
    gc.disable()  # it would close it, some time
    try:
        with pytest.raises(UserError, match="not an Excel file") as refused:
            read_predictions(path, CIRCULAR, MMBENCH)
        del refused
        assert str(path) not in open_files()
    finally:
        gc.enable()
