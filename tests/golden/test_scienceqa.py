"""ScienceQA against LLaVA's eval_science_qa.py, the official break-down, and the official GPT-3 outputs."""

import pytest

from emma_eval.scorers import get_scorer
from emma_eval.scorers.scienceqa import parse_gpt3
from tests.golden.files import answers_of, overall, read_json, read_lines, samples_of

FILES = {"problems": "problems.json", "splits": "pid_splits.json"}
BREAKDOWN = {
    "acc_natural": ("subject", "natural science"),
    "acc_social": ("subject", "social science"),
    "acc_language": ("subject", "language science"),
    "acc_has_text": ("context", "text"),
    "acc_has_image": ("context", "image"),
    "acc_no_context": ("context", "none"),
    "acc_grade_1_6": ("grade", "1-6"),
    "acc_grade_7_12": ("grade", "7-12"),
    "acc_average": ("", ""),
}


@pytest.fixture(params=["real_subset", "full_size"])
def case(request, golden):
    folder = golden("scienceqa") / request.param
    samples = samples_of("scienceqa", folder, **FILES)
    return samples, answers_of(read_lines(folder, "predictions.jsonl")), read_json(folder, "expected.json")


def test_accuracy_and_img_accuracy(case):
    samples, answers, expected = case
    llava = expected.get("llava", expected)
    scores = get_scorer("scienceqa")(samples, answers)
    correct = int(sum(score.score for score in scores.samples))
    assert (overall(scores), correct, len(scores.samples)) == (llava["acc"], llava["correct"], llava["count"])
    assert llava["printed"] == (
        f"Total: {len(scores.samples)}, Correct: {correct}, Accuracy: {overall(scores):.2f}%, "
        f"IMG-Accuracy: {overall(scores, 'img_accuracy'):.2f}%"
    )


def test_every_question_is_read_as_llava_reads_it(case):
    samples, answers, expected = case
    scores = get_scorer("scienceqa")(samples, answers)
    assert len(scores.samples) == len(expected["per_question"])
    for sample, score in zip(samples, scores.samples, strict=True):
        official = expected["per_question"][sample.id]
        assert (score.parsed_answer or "FAILED") == official["parsed_ans"], sample.id
        gold = "ABCDE".index(sample.references[0])
        assert bool(score.score) == (official["pred_index"] == gold), sample.id
        if "is_multimodal" in official:
            assert ("<image>" in answers[sample.id, 0].prompt) == official["is_multimodal"]


def test_missing_predictions_are_those_the_official_run_missed(case):
    samples, answers, expected = case
    scores = get_scorer("scienceqa")(samples, answers)
    missing = {score.id for score in scores.samples if score.status == "missing"}
    assert missing == set(expected.get("missing_predictions", []))


def test_the_official_breakdown(golden):
    folder = golden("scienceqa") / "full_size"
    samples = samples_of("scienceqa", folder, **FILES)
    scores = get_scorer("scienceqa")(samples, answers_of(read_lines(folder, "predictions.jsonl")))
    ours = {(m.group, m.category): f"{m.value:.2f}" for m in scores.metrics if m.name == "accuracy"}
    for file in ("expected.json", "expected_totals.json"):
        official = read_json(folder, file)["official_evaluate_acc_on_the_parsed_indices"]
        for name, value in official.items():
            group = BREAKDOWN.get(name, ("topic", name.removeprefix("acc_")))
            assert ours.get(group, -1) == value, name  # -1: the group is empty


def test_the_gpt3_pattern(golden):
    for row in read_lines(golden("scienceqa"), "gpt3_outputs.jsonl"):
        assert parse_gpt3(row["output"]) == row["parsed"], row["pid"]
