"""VizWiz against the VizWiz API's evaluation."""

import pytest

from emma_eval.scorers import get_scorer
from tests.golden.files import answers_of, breakdown, overall, read_json, read_lines, samples_of


@pytest.fixture
def case(golden):
    folder = golden("vizwiz")
    answers = answers_of(read_lines(folder, "predictions.jsonl"), key="image", text="answer")
    samples = samples_of("vizwiz_json", folder, questions="annotations.json")
    return samples, answers, read_json(folder, "expected.json"), read_lines(folder, "expected_per_question.jsonl")


def test_accuracy_and_answerability(case):
    samples, answers, expected, _ = case
    scores, official = get_scorer("vizwiz")(samples, answers), expected["official"]
    for places in (2, 15):
        assert round(overall(scores), places) == official[f"overall_rounded_{places}"]
        unanswerability = official[f"unanswerability_from_text_rounded_{places}"]
        for name, value in unanswerability.items():
            assert round(overall(scores, f"unanswerable_{name.removesuffix('_score')}"), places) == value, name
    ours = {category: round(value, 2) for category, value in breakdown(scores, "answer_type").items()}
    assert ours == official["per_answer_type_rounded_2"]


def test_accuracy_after_llavas_processor(case):
    samples, answers, expected, _ = case
    scores = get_scorer("vizwiz", processor="llava")(samples, answers)
    assert round(overall(scores), 15) == expected["llava_processed_then_official"]["overall_rounded_15"]


@pytest.mark.parametrize(("processor", "column"), [("none", "official"), ("llava", "llava_processed_then_official")])
def test_every_question_has_its_official_credit(case, processor, column):
    samples, answers, _, per_question = case
    scores = get_scorer("vizwiz", processor=processor)(samples, answers)
    assert [score.id for score in scores.samples] == [row["image"] for row in per_question]
    for score, row in zip(scores.samples, per_question, strict=True):
        assert round(100 * score.score, 15) == row[column], row
        if column == "official":
            assert round(100 * score.score, 2) == row["official_rounded_2"], row
