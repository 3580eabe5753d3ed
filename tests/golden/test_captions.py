"""COCO captions against pycocoevalcap: tokens, every image's values, and the totals."""

import shutil

import pytest

from emma_eval.scorers import get_scorer
from emma_eval.scorers.captions import tokenize
from emma_eval.types import Answer, Sample
from tests.golden.files import overall, read_json, read_lines

pytest.importorskip("pycocoevalcap")
pytestmark = [
    pytest.mark.skipif(shutil.which("java") is None, reason="captions are scored by Java programs"),
    pytest.mark.slow,
]
NAMES = {f"Bleu_{n}": f"bleu_{n}" for n in range(1, 5)} | {"METEOR": "meteor", "ROUGE_L": "rouge_l", "CIDEr": "cider"}


@pytest.fixture
def case(golden):
    folder = golden("coco_caption")
    references = {}
    for row in read_json(folder, "references.json")["annotations"]:
        references.setdefault(str(row["image_id"]), []).append(row["caption"])
    rows = read_lines(folder, "predictions.jsonl")
    samples = [Sample(str(row["image_id"]), "", references=tuple(references[str(row["image_id"])])) for row in rows]
    answers = {(str(row["image_id"]), 0): Answer(row["caption"]) for row in rows}
    return folder, samples, answers


def assert_equal(scores, expected):
    assert {name: overall(scores, NAMES[name]) for name in expected} == expected


def test_totals_and_every_image(case):
    folder, samples, answers = case
    scores = get_scorer("captions")(samples, answers)
    assert_equal(scores, read_json(folder, "expected.json")["aggregate"])
    per_image = read_lines(folder, "expected_per_image.jsonl")
    assert [score.parsed_answer for score in scores.samples] == [row["tokenized_prediction"] for row in per_image]
    assert [score.score for score in scores.samples] == [row["ROUGE_L"] for row in per_image]
    (cider,) = [metric for metric in scores.metrics if metric.name == "cider"]
    assert list(cider.ratios[0].numerator) == [row["CIDEr"] for row in per_image]


def test_tokens_of_the_references(case):
    folder, samples, _ = case
    rows = read_lines(folder, "expected_per_image.jsonl")
    assert list(tokenize([sample.references for sample in samples]).values()) == [
        r["tokenized_references"] for r in rows
    ]


@pytest.mark.parametrize("run", ["perfect", "empty_strings", "one_word", "single_image"])
def test_degenerate_runs(case, run):
    folder, samples, _ = case
    samples = samples[: 1 if run == "single_image" else 20]
    expected = read_json(folder, "expected.json")["first_20_images_degenerate_predictions"][run]
    texts = {"empty_strings": "", "one_word": "a"}
    answers = {(sample.id, 0): Answer(texts.get(run, sample.references[0])) for sample in samples}
    assert_equal(get_scorer("captions")(samples, answers), expected)
