"""Answer files from public reports that once gave wrong numbers: each gives its number, or one line that refuses it."""

import json

import pytest

from emma_eval.cli.main import main
from tests.shared import needs_shared, shared

CASES = shared("cases")
pytestmark = needs_shared("cases")


def score(tmp_path, case, task, answers, *more, tasks="_tasks", data="data"):
    """(exit code, the first metric or None)."""
    folder, out = CASES / case, tmp_path / "scores.json"
    place = CASES / tasks if tasks == "_tasks" else folder / tasks
    given = ["--predictions", str(folder / answers), "--json", str(out), *more]
    code = main(["score", "--task", task, "--task-dir", str(place), "--data", str(folder / data), *given])
    return code, json.loads(out.read_text())["metrics"][0]["value"] if out.exists() else None


TRUTH = "03-truth-column-beside-prediction"


@pytest.mark.parametrize(
    ("case", "task", "answers", "value"),
    [
        ("01-pope-llava-answers", "s_pope", "answers.jsonl", 1.0),
        (TRUTH, "s_mmbench_en", "predictions.tsv", 0.0),
        (TRUTH, "s_mmbench_en", "m_MMBench_DEV_EN.xlsx", 0.0),
        (TRUTH, "s_mmbench_en", "only_prediction.tsv", 0.0),
        (TRUTH, "s_seed", "seed_rows_with_truth.json", 0.0),
        (TRUTH, "s_pope", "pope_rows_plus_answer.jsonl", 1.0),
        (TRUTH, "s_pope", "pope_rows_plus_response.jsonl", 1.0),
        ("04-textvqa-llava-answers", "s_textvqa", "answers.jsonl", 1.0),
        ("04-textvqa-llava-answers", "s_textvqa_ocr", "answers.jsonl", 1.0),
        ("05-mme-llava-answers", "s_mme", "answers.jsonl", 400.0),
        ("07-mmbench-exact-letters-passes", "s_mmbench_en", "answers.jsonl", 1.0),
        ("08-option-text-None", "s_seed", "seed_answers.jsonl", 100.0),
        ("08-option-text-None", "s_mmmu", "mmmu_answers.json", 1.0),
        ("09-nan-gaps-between-options", "s_mmbench_en", "answers.jsonl", 1.0),
        ("16-chat-style-letters", "s_seed", "answers.jsonl", 100 / 21),
        ("16-chat-style-letters", "s_mmmu", "answers_mmmu.json", 10 / 21),
        ("19-mathvista-lists-and-precision", "s_mathvista", "responses.json", 3 / 7),
    ],
)
def test_the_score_is_that_of_the_answers(tmp_path, case, task, answers, value):
    code, got = score(tmp_path, case, task, answers)
    assert (code, got) == (0, pytest.approx(value))


@pytest.mark.parametrize("answers", ["responses.json", "extracted.json"])
def test_mathvistas_extractions_are_what_that_protocol_scores(tmp_path, answers):
    case = "19-mathvista-lists-and-precision"
    assert score(tmp_path, case, "s_mathvista", answers, "--protocol", "extracted") == (0, pytest.approx(6 / 7))


def test_passes_that_a_question_does_not_have_are_told(tmp_path, capsys):
    assert score(tmp_path, TRUTH, "s_mmbench_en", "rounds.jsonl") == (2, None)
    assert "2 answers to questions, or passes of questions, that are not in the data" in capsys.readouterr().err
    code, _ = score(tmp_path, TRUTH, "s_mmbench_en", "rounds.jsonl", "--allow-partial")
    assert code == 0
    assert "left out: 2 answers" in capsys.readouterr().out


def test_an_unclosed_quote_swallows_nothing(tmp_path, capsys):
    assert score(tmp_path, "attack/23-unclosed-quote-swallows-answers", "mine", "p.csv", tasks="tasks") == (2, None)
    assert "p.csv, line 3: not a table" in capsys.readouterr().err


@pytest.mark.parametrize("answers", ["p.jsonl", "q.jsonl"])
def test_thousands_of_digits(answers, capsys):
    path = CASES / "attack/21-digits-in-predictions" / answers
    assert main(["score", "--task", "pope_mini", "--predictions", str(path), "--allow-partial"]) == 2
    error = capsys.readouterr().err
    message = error.partition("error: ")[2]  # after a line on the first use of a mini task
    assert message.count("\n") == 1
    assert len(message) < 700


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b", "/dev/null"])
def test_what_is_no_file(name, capsys):
    assert main(["score", "--task", "pope_mini", "--predictions", name]) == 2
    assert capsys.readouterr().err.partition("error: ")[2].count("\n") == 1
