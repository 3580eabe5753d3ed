"""VQAv2 and OK-VQA against vqaEval.py under Python 2.7 and LLaVA's m4c evaluator."""

import pytest

from emma_eval.scorers import get_scorer
from tests.golden.files import answers_of, breakdown, overall, read_json, read_lines, round_python2, samples_of

SETS = [("vqav2", ""), ("vqav2", "crafted_"), ("okvqa", "")]
PROTOCOLS = {"official": {}, "llava_processed_then_official": {"processor": "llava"}}
EXPECTED_KEY = {"official": "official_server_evaluator"}


@pytest.fixture(params=SETS, ids=["vqav2", "vqav2-crafted", "okvqa"])
def case(request, golden):
    folder, prefix = golden(request.param[0]), request.param[1]
    samples = samples_of(
        "vqa_json", folder, questions=f"{prefix}questions.json", annotations=f"{prefix}annotations.json"
    )
    answers = answers_of(read_lines(folder, f"{prefix}predictions.jsonl"), text="answer")
    expected = read_json(folder, f"{prefix}expected.json")
    per_question = read_lines(folder, f"{prefix}expected_per_question.jsonl")
    return samples, answers, expected, per_question


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_totals_are_the_official_ones(case, protocol):
    samples, answers, expected, _ = case
    scores = get_scorer("vqa", **PROTOCOLS[protocol])(samples, answers)
    for places in (2, 15):
        official = expected[EXPECTED_KEY.get(protocol, protocol)][f"rounded_{places}"]
        assert round_python2(overall(scores), places) == official["overall"]
        for group, key in {"answer_type": "perAnswerType", "question_type": "perQuestionType"}.items():
            ours = {category: round_python2(value, places) for category, value in breakdown(scores, group).items()}
            assert ours == official[key]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_question_has_its_official_credit(case, protocol):
    samples, answers, _, per_question = case
    scores = get_scorer("vqa", **PROTOCOLS[protocol])(samples, answers)
    assert [int(score.id) for score in scores.samples] == [row["question_id"] for row in per_question]
    for score, row in zip(scores.samples, per_question, strict=True):
        assert round_python2(100 * score.score, 15) == row[protocol], row
        if protocol == "official":
            assert round_python2(100 * score.score, 2) == row["official_rounded_2"], row


def test_the_m4c_evaluator_is_reproduced(case):
    samples, answers, expected, per_question = case
    if "m4c_textvqa" not in expected:
        pytest.skip("this set has no m4c column")
    scores = get_scorer("vqa_m4c")(samples, answers)
    assert overall(scores) == expected["m4c_textvqa"]["accuracy"]
    assert [score.score for score in scores.samples] == [row["m4c_textvqa"] for row in per_question]
