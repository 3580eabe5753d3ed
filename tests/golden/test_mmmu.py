"""MMMU against main_parse_and_eval.py and main_eval_only.py."""

import pytest

from emma_eval.scorers import get_scorer
from emma_eval.scorers.mmmu import parse_letter
from emma_eval.scorers.mmmu_open import open_is_right, parse_open
from emma_eval.types import Answer, Sample
from tests.golden.files import breakdown, overall, read_json, read_lines


def subject(name):
    return name.split("_", 1)[1].rsplit("_", 1)[0]


def sample(identity, answer, options):
    gold = tuple(answer) if isinstance(answer, list) else (answer,)
    return Sample(identity, "", references=gold, options=options, category=subject(identity))


def test_real_responses(golden):
    rows = read_lines(golden("mmmu"), "responses.jsonl")
    samples = [sample(row["id"], row["answer"], tuple(row.get("index2ans", {}).values())) for row in rows]
    answers = {(row["id"], 0): Answer(row["response"]) for row in rows}
    expected = read_json(golden("mmmu"), "responses_expected.json")
    scores = get_scorer("mmmu")(samples, answers)
    assert overall(scores) == expected["overall"]
    assert breakdown(scores, "subject") == {name: row["acc"] for name, row in expected["per_subject"].items()}
    assert breakdown(scores, "domain") == {name: row["acc"] for name, row in expected["per_domain"].items()}
    for row, score in zip(rows, scores.samples, strict=True):
        assert (score.score == 1.0) == (row["judge"] == "Correct"), row
        if row["question_type"] == "multiple-choice":  # letters drawn at random included
            assert score.parsed_answer == row["parsed_pred"], row
    assert f"{expected['random_fallbacks']} answers gave no letter" in scores.notes[0]


@pytest.mark.parametrize("run", ["parsed", "parsed2"])
def test_answers_that_are_letters_already(golden, run):
    truth = read_json(golden("mmmu"), "answer_dict_val.json")
    predictions = read_json(golden("mmmu"), f"{run}_predictions.json")
    options = {"multiple-choice": tuple("ABCDEFGHI"), "short-answer": ()}
    samples = [sample(key, truth[key]["ground_truth"], options[truth[key]["question_type"]]) for key in predictions]
    answers = {(key, 0): Answer(text) for key, text in predictions.items()}
    scores = get_scorer("mmmu", responses="parsed")(samples, answers)
    subjects, domains = breakdown(scores, "subject"), breakdown(scores, "domain")
    for name, row in read_json(golden("mmmu"), f"{run}_expected.json")["printed"].items():
        kind, _, domain = name.partition("-")
        ours = overall(scores) if name == "Overall" else domains[domain] if kind == "Overall" else subjects[name]
        assert round(ours, 3) == row["acc"], name


def test_edge_cases(golden):
    for row in read_lines(golden("mmmu"), "edge.jsonl"):
        gold = row["gold"] if isinstance(row["gold"], list) else [row["gold"]]
        if row["kind"] == "open":
            candidates = parse_open(row["response"])
            texts = ["nan" if text == "NaN inside" else text for text in map(str, row["parsed_pred"])]
            assert {str(candidate) for candidate in candidates} == set(texts), row
            assert open_is_right(gold, candidates) == row["correct"], row
        else:
            letter = parse_letter(row["response"], tuple(row["index2ans"].values()))
            assert (letter is None) == row["random_fallback"], row
            assert letter == row["parsed_pred"], row
