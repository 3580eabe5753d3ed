"""The short way through VQA's official files gives what the long way gives, and leaves what is unusual to it."""

import json

import pytest

from emma_eval.readers import load_samples, vqa_json
from emma_eval.readers.vqa_typed import read_typed
from emma_eval.task import load_task
from tests.readers import tiny

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
