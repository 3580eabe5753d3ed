"""Whatever an answer file holds, it is read or refused in one line; nothing else ever comes out."""

import gzip
import io
import json
import zipfile

from hypothesis import example, given
from hypothesis import strategies as st

from emma_eval.errors import UserError
from emma_eval.predictions import read_predictions
from emma_eval.tasks.loading import load_task
from emma_eval.types import Sample
from tests.fuzzing import fuzz_settings, run_fuzz

LONGEST = 2000  # characters of a message

NAMED = """question_id questionId index id pid image image_id doc_id doc question prompt text query input answer
prediction response model_prediction extraction caption filtered_resps resps category round_id round options option_char
A B outputs results correct incorrect error"""
WORDS = ["1", "2", "1.0", "1000001", "v1_1", "1.jpg", "Is it a cat?", "yes", "random", "a/b.jpg", "\ud800"]
KEYS = st.sampled_from(NAMED.split()) | st.text(max_size=3)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3_000_003)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        ["1", "2", "1.0", "1000001", "v1_1", "1.jpg", "Is it a cat?", "yes", "random", "a/b.jpg", "\ud800"]
    )
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
ROWS = st.lists(st.dictionaries(KEYS, VALUES, max_size=6), max_size=5)
CELLS = st.text("ab12,\t\"'\r\n=\0é", max_size=6) | SCALARS.map(str)


def as_lines(rows):
    return "\n".join(json.dumps(row) for row in rows)


def as_table(rows, mark):
    return "\n".join(mark.join(cells) for cells in rows)


TEXTS = (
    st.text(max_size=60)
    | VALUES.map(json.dumps)
    | VALUES.map(lambda value: json.dumps(value, indent=1))
    | ROWS.map(json.dumps)
    | ROWS.map(as_lines)
    | st.builds(as_table, st.lists(st.lists(CELLS | KEYS, max_size=5), max_size=5), st.sampled_from(",\t"))
    | st.builds(lambda text, at: text[:at], ROWS.map(as_lines), st.integers(0, 80))
)
CONTENT = TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=60)
NAMES = st.sampled_from(["a.json", "a.jsonl", "a.csv", "a.tsv", "a.xlsx", "a", "a.json.gz", "a.csv.gz", "a.xls"])
OPTIONS = st.fixed_dictionaries({"answer_key": st.none() | KEYS, "ignore_foreign": st.booleans()})
SAMPLES = {
    "vqav2": [Sample("1", "Is it a cat?"), Sample("2", "Is it a dog?")],
    "pope": [
        Sample(str(n), f"Is it {n}?", category="random", meta={"question_id": n, "image": "1.jpg"}) for n in (1, 2)
    ],
    "mmbench_en": [Sample("1", "Which?", options=("x", "y"), category="random")],
    "mathvista": [Sample("1", "Hint: Question: Is it a cat?", options=("x",))],
    "hallusionbench": [Sample("VS_chart_0_1_0", "Is it?")],
    "mme": [Sample("a/b.jpg#0", "Is it? Please answer yes or no.", category="a", meta={"image": "b.jpg"})],
    "vizwiz": [Sample("1.jpg", "Is it?")],
    "coco_caption": [Sample("1", "", meta={"image": "1.jpg"})],
}


def test_a_file_is_read_or_refused_in_one_line(tmp_path):
    @fuzz_settings
    @given(name=NAMES, content=CONTENT, task=st.sampled_from(sorted(SAMPLES)), more=OPTIONS)
    @example(name="a.csv", content=b'id,text\n1,"a\0', task="vqav2", more={})
    @example(name="a.json", content=b"[" * 100_000, task="vqav2", more={})
    @example(name="a.xlsx", content=b"PK\x03\x04", task="vqav2", more={})
    def fuzz(name, content, task, more):
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") and content[:1] != b"\xff" else content)
        check(path, task, **more)

    run_fuzz(fuzz, tests=2)


def test_a_workbook_of_any_xml_is_read_or_refused_in_one_line(tmp_path):
    import openpyxl

    file = io.BytesIO()
    openpyxl.Workbook().save(file)
    path = tmp_path / "book.xlsx"

    @fuzz_settings
    @given(sheet=TEXTS, strings=TEXTS, task=st.sampled_from(sorted(SAMPLES)))
    def fuzz(sheet, strings, task):
        with zipfile.ZipFile(file) as book, zipfile.ZipFile(path, "w") as made:
            for one in book.namelist():
                content = sheet if "sheet1" in one else strings if "sharedStrings" in one else None
                made.writestr(one, book.read(one) if content is None else content.encode("utf-8", "replace"))
        check(path, task)

    run_fuzz(fuzz, tests=2)


def check(path, task, **more):
    try:
        predictions = read_predictions(path, SAMPLES[task], load_task(task), **more)
    except UserError as error:
        message = str(error)
        assert "\n" not in message
        assert len(message) < LONGEST
        return
    assert predictions.answers or predictions.failed
    assert all(isinstance(answer.text, str) for answer in predictions.answers.values())
