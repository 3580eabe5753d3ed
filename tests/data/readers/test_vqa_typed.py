"""The short way through VQA's official files gives what the long way gives, and leaves what is unusual to it."""

import json

import pytest

from emma_eval.data.hub.dataset import HubTable
from emma_eval.data.loading import load_samples
from emma_eval.data.readers import vqa_json
from emma_eval.data.readers.vqa_typed import read_columns, read_typed
from emma_eval.tasks.loading import load_task
from tests import tiny_datasets as tiny

pa = pytest.importorskip("pyarrow")

ANNOTATIONS = "vqav2/v2_mscoco_val2014_annotations.json"
QUESTIONS = "vqav2/v2_OpenEnded_mscoco_val2014_questions.json"


@pytest.fixture
def root(tmp_path):
    tiny.vqa(tmp_path)
    return tmp_path


def load(root):
    return load_samples(load_task("vqav2"), root, allow_partial=True)


def short(root):
    return read_typed(root / QUESTIONS, root / ANNOTATIONS, lambda subtype: lambda image_id: None)


def change(root, **values):
    """The second annotation with other values."""
    content = json.loads((root / ANNOTATIONS).read_text())
    content["annotations"][1] |= values
    (root / ANNOTATIONS).write_text(json.dumps(content))


def test_both_ways_give_the_same(root, monkeypatch):
    assert short(root) is not None
    typed = load(root)
    monkeypatch.setattr(vqa_json, "read_typed", lambda *_: None)
    assert load(root) == typed


def test_gzip_and_a_byte_order_mark_are_no_matter(root):
    (root / QUESTIONS).write_bytes(b"\xef\xbb\xbf" + (root / QUESTIONS).read_bytes())
    tiny.gzip_in_place(root)
    assert [sample.id for sample in load(root)] == ["7", "8", "9"]


@pytest.mark.parametrize(
    "values",
    [
        {"answers": [{"answer": "a", "answer_id": 1}, {"answer": "a", "answer_id": 1}]},
        {"answers": [{"answer": "a"}]},
        {"question_id": 77},
        {"answer_type": 3},
        {"answers": [{"answer": "\ud800", "answer_id": n} for n in range(1, 11)]},
    ],
    ids=["one id twice", "no id", "no such question", "no text", "half a surrogate pair"],
)
def test_what_is_unusual_goes_the_long_way(root, values):
    change(root, **values)
    assert short(root) is None


def table(rows):
    """Rows as the hub has them, images as their bytes."""
    rows = [row | {"image": {"bytes": tiny.png(n), "path": None}} for n, row in enumerate(rows)]
    return HubTable("org/vqa", pa.Table.from_pylist(rows), ["image"])


@pytest.fixture
def rows(tmp_path):
    given = tiny.vqa(tmp_path / "rows").rows
    return [
        {k: row[k] for k in ("image_id", "question_id", "question", "question_type", "answer_type")}
        | {"answers": [{k: a[k] for k in ("answer", "answer_confidence", "answer_id")} for a in row["answers"]]}
        for row in given
    ]


def comparable(samples):
    return [
        (s.id, s.question, s.references, s.category, s.meta, [(i.name, i.label) for i in s.images]) for s in samples
    ]


def test_columns_of_the_hub_give_what_its_rows_give(rows, monkeypatch):
    by_columns = read_columns(table(rows))
    assert [sample.images[0].open().getpixel((0, 0))[0] for sample in by_columns] == [0, 1, 2]
    monkeypatch.setattr(vqa_json, "read_columns", lambda _: None)
    assert comparable(by_columns) == comparable(vqa_json.READER.read_rows("org/vqa", table(rows)))


@pytest.mark.parametrize(
    "values",
    [
        {"answers": None},
        {"answers": [{"answer": "a", "answer_confidence": "yes", "answer_id": 1}]},
        {"answers": [{"answer": None, "answer_confidence": "yes", "answer_id": n} for n in range(1, 11)]},
        {"answers": [{"answer": "a", "answer_confidence": "yes", "answer_id": 1}] * 10},
        {"question": None},
    ],
    ids=["no answers", "one answer", "no text", "one id ten times", "no question"],
)
def test_unusual_columns_are_left_to_the_rows(rows, values):
    rows[1] |= values
    assert read_columns(table(rows)) is None


def test_columns_of_other_kinds_are_left_to_the_rows(rows):
    assert read_columns(table([row | {"answers": ["a"] * 10} for row in rows])) is None
    assert read_columns(table([row | {"question_id": str(row["question_id"])} for row in rows])) is None
    assert read_columns(table([{k: v for k, v in row.items() if k != "image_id"} for row in rows])) is None
