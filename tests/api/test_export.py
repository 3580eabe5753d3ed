"""A run's samples as files: nothing in them is a formula, nothing breaks a row, nothing is lost on the way back."""

import csv
import json

import pandas as pd
import pytest
from pyarrow import parquet

import emma_eval
from emma_eval.api.export import FORMATS, export_samples
from emma_eval.api.sample_rows import COLUMNS, SampleRow, TaskRows
from emma_eval.errors import EmmaEvalWarning, UserError
from tests.fakes import REQUESTS, command_output, run_pope

HOSTILE = (
    "=HYPERLINK(\"http://x\")", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", 'a "quote", a comma',
    "two\nlines", "two\r\nlines", "a lone\rreturn", "\u2028\x85\x0b", "日本語 🦜 e\u0301", "", "'", "null", "NaN",
    "007", "-5", "\x00",
)  # fmt: skip


def rows(texts=HOSTILE):
    return TaskRows(
        [
            SampleRow("quiz", str(index), "answered", 0.5, text, text, None, text, [text, "b"], [], text, ["/x.png"])
            for index, text in enumerate(texts)
        ]
    )


def read_back(path):
    match path.suffix:
        case ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))
        case ".jsonl":
            return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    return parquet.read_table(path).to_pylist()


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_texts_come_back_as_they_were(form, tmp_path):
    export_samples([rows()], tmp_path / f"all.{form}", form)
    found = read_back(tmp_path / f"all.{form}")
    assert [row["answer"] for row in found] == list(HOSTILE)
    assert [list(row["references"]) for row in found] == [[text, "b"] for text in HOSTILE]
    assert [list(row["options"]) for row in found] == [[]] * len(HOSTILE)
    assert {row["error"] for row in found} == {None}


class TestCsv:
    @pytest.fixture
    def path(self, tmp_path):
        export_samples([rows()], tmp_path / "all.csv", "csv")
        return tmp_path / "all.csv"

    def test_texts_come_back_but_for_the_mark_before_a_formula(self, path):
        answers = [row["answer"] for row in read_back(path)]
        assert [answer.removeprefix("'") for answer in answers] == [text.removeprefix("'") for text in HOSTILE]
        assert [row["score"] for row in read_back(path)] == ["0.5"] * len(HOSTILE)

    def test_no_cell_begins_as_a_formula_does(self, path):
        for row in read_back(path):
            for cell in row.values():
                is_number = cell[1:].replace(".", "").isdigit() and cell[:1] in "+-"
                assert cell[:1] not in (*"=+-@\t\r\n\uff1d\uff0b\uff0d\uff20",) or cell == "" or is_number, cell

    def test_pandas_reads_as_many_rows(self, path):
        found = pd.read_csv(path, keep_default_na=False, dtype=str)
        assert list(found["id"]) == [str(index) for index in range(len(HOSTILE))]
        assert [json.loads(cell)[0] for cell in found["references"]] == list(HOSTILE)


@pytest.mark.parametrize("form", FORMATS)
def test_half_a_surrogate_pair_is_replaced(form, tmp_path):
    export_samples([rows(("a\ud800b",))], tmp_path / f"all.{form}", form)
    assert read_back(tmp_path / f"all.{form}")[0]["answer"] == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.parametrize("form", FORMATS)
def test_a_run_without_answers_has_its_columns(form, tmp_path):
    row = SampleRow("quiz", "1", "missing")
    export_samples([TaskRows([row])], tmp_path / f"all.{form}", form)
    (found,) = read_back(tmp_path / f"all.{form}")
    assert tuple(found) == COLUMNS
    assert not found["answer"]


class TestTheCommand:
    @pytest.fixture
    def run(self, data, folder):
        run_pope(data, folder)
        return folder

    def export(self, capsys, run, output, *, form="csv", code=0, more=()):
        return command_output(capsys, ["export", str(run), "--format", form, "--output", str(output), *more], code)

    @pytest.mark.parametrize("form", FORMATS)
    def test_writes_the_frame(self, form, run, data, tmp_path, capsys):
        path = tmp_path / f"new/all.{form}"
        assert self.export(capsys, run, path, form=form, more=["--data", str(data)]) == f"{path}\n"
        samples = emma_eval.load_run(run, data=data).samples
        found = read_back(path)
        assert [row["question"] for row in found] == list(samples["question"])
        assert [float(row["score"]) for row in found] == list(samples["score"])

    def test_writes_a_file_a_task_into_a_folder(self, run, data, tmp_path, capsys):
        assert self.export(capsys, run, tmp_path / "out", more=["--data", str(data)]) == f"{tmp_path}/out/pope.csv\n"

    def test_says_what_is_empty(self, run, tmp_path, capsys):
        text = self.export(capsys, run, tmp_path / "a.csv")
        assert "pope: question, references, options and images are empty: data not found" in text
        assert len(read_back(tmp_path / "a.csv")) == REQUESTS

    def test_refuses_another_ending_and_a_file_for_a_folder(self, run, tmp_path, capsys):
        assert "a.jsonl is a name for jsonl, not for csv" in self.export(capsys, run, tmp_path / "a.jsonl", code=2)
        (tmp_path / "file").write_text("")
        assert "file is a file: a folder, or a name that ends" in self.export(capsys, run, tmp_path / "file", code=2)
        assert "is not a run folder" in self.export(capsys, tmp_path, tmp_path / "a.csv", code=2)


def test_the_format_is_that_of_the_name(data, folder, tmp_path):
    run_pope(data, folder)
    run = emma_eval.load_run(folder, data=data)
    assert run.export(tmp_path / "a.parquet") == [tmp_path / "a.parquet"]
    assert run.export(tmp_path / "a", "jsonl") == [tmp_path / "a" / "pope.jsonl"]
    with pytest.raises(UserError, match=r"ends with none of \.csv, \.parquet, \.jsonl; say the format"):
        run.export(tmp_path / "b")
    with pytest.raises(UserError, match="format 'xlsx': one of csv, parquet, jsonl"):
        run.export(tmp_path / "b", "xlsx")
    with pytest.warns(EmmaEvalWarning, match="are empty"):
        emma_eval.load_run(folder).export(tmp_path / "c.csv")
