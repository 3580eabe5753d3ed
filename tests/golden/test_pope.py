"""POPE against the official evaluate.py and LLaVA's eval_pope.py."""

import pytest

from emma_eval.scorers import get_scorer
from emma_eval.types import Answer
from tests.golden.files import answers_of, breakdown, overall, read_json, read_lines, samples_of

METRICS = ("accuracy", "precision", "recall", "f1", "yes_ratio")
COUNTS = ("TP", "FP", "TN", "FN")


@pytest.fixture
def case(golden):
    folder = golden("pope")
    rows = read_lines(folder, "predictions.jsonl")
    files = {category: f"coco_pope_{category}.json" for category in ("random", "popular", "adversarial")}
    return samples_of("pope_jsonl", folder, **files), rows, read_json(folder, "expected.json")


def assert_equal_to(scores, expected):
    for category, official in expected.items():
        for name in METRICS:
            assert breakdown(scores, "category", name)[category] == official[name], (category, name)
        for name in COUNTS:
            assert breakdown(scores, "category", name.lower())[category] == official[name], (category, name)
        if "summary_line" in official:
            columns = ("f1", "accuracy", "precision", "recall", "yes_ratio")
            line = ", ".join(f"{breakdown(scores, 'category', name)[category]:.3f}" for name in columns)
            assert line == official["summary_line"]


def test_both_tools_give_the_same(case):
    samples, rows, expected = case
    scores = get_scorer("pope")(samples, answers_of(rows))
    assert_equal_to(scores, expected["official"])
    assert_equal_to(scores, expected["llava"])
    assert [score.parsed_answer for score in scores.samples] == [
        row["parsed"] for row in sorted(rows, key=lambda r: r["question_id"])
    ]


def test_the_mean_over_categories_is_llavas_summary(case):
    samples, rows, expected = case
    scores = get_scorer("pope")(samples, answers_of(rows))
    f1s = [expected["llava"][category]["f1"] for category in ("random", "popular", "adversarial")]
    assert overall(scores, "f1") == (f1s[0] + f1s[1] + f1s[2]) / 3


def test_llavas_shift_after_a_missing_row_is_only_a_matter_of_joining(case):
    """LLaVA joins by position: given its answers in its places, the scorer finds its numbers."""
    samples, rows, expected = case
    gone = set(expected["missing_question_ids"])
    left = [row for row in sorted(rows, key=lambda r: r["question_id"]) if row["question_id"] not in gone]
    shifted_samples, answers = [], {}
    for category, official in expected["llava_with_missing_predictions"].items():
        texts = [row["text"] for row in left if row["category"] == category]
        places = [sample for sample in samples if sample.category == category][: len(texts)]
        assert len(texts) == official["samples"]
        shifted_samples += places
        answers |= {(sample.id, 0): Answer(text) for sample, text in zip(places, texts, strict=True)}
    assert_equal_to(get_scorer("pope")(shifted_samples, answers), expected["llava_with_missing_predictions"])


def test_missing_rows_joined_by_id_are_wrong_and_shift_nothing(case):
    samples, rows, expected = case
    gone = {str(number) for number in expected["missing_question_ids"]}
    answers = answers_of([row for row in rows if str(row["question_id"]) not in gone])
    complete = get_scorer("pope")(samples, answers_of(rows)).samples
    for score, whole in zip(get_scorer("pope")(samples, answers).samples, complete, strict=True):
        assert score.score == (0.0 if score.id in gone else whole.score)
        assert score.status == ("missing" if score.id in gone else "answered")


def test_all_no_is_zero_with_a_note_where_the_tool_divides_by_zero(case):
    samples, _, expected = case
    assert expected["llava_with_missing_predictions"] and expected["all_no"] == "ZeroDivisionError"
    scores = get_scorer("pope")(samples, {(sample.id, 0): Answer("no") for sample in samples})
    assert overall(scores, "f1") == 0
    assert len(scores.notes) == 1
    assert scores.notes[0].startswith("random, popular, adversarial: there is no true positive")
