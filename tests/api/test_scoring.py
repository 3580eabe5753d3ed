"""`score` with answers in memory: the rules, and the numbers, of the command with a file."""

import json

import numpy as np
import pandas as pd
import pytest

import emma_eval
from emma_eval.cli.main import main
from emma_eval.errors import UserError
from tests.fakes import REQUESTS


@pytest.fixture
def pope(data):
    return emma_eval.load_task("pope", data=data, allow_partial=True)


@pytest.fixture
def score(data):
    def call(predictions, **options):
        return emma_eval.score("pope", predictions, **{"data": data, "allow_partial": True} | options)

    return call


@pytest.fixture
def texts(pope):
    return {sample.id: ("Yes", "no.")[index % 3 == 0] for index, sample in enumerate(pope)}


@pytest.fixture
def expected(texts, data, tmp_path):
    """What the command writes for the same answers in a file."""
    file = tmp_path / "answers.jsonl"
    file.write_text("".join(json.dumps({"question_id": key, "text": text}) + "\n" for key, text in texts.items()))
    command = ["score", "--task", "pope", "--data", str(data), "--allow-partial", "--predictions", str(file)]
    assert main([*command, "--json", str(tmp_path / "scores.json")]) == 0
    return json.loads((tmp_path / "scores.json").read_text())


FORMS = {
    "mapping": lambda texts: texts,
    "mapping to rows": lambda texts: {key: {"text": text} for key, text in texts.items()},
    "mapping with passes": lambda texts: {(key, 0): text for key, text in texts.items()},
    "rows": lambda texts: [{"question_id": key, "text": text} for key, text in texts.items()],
    "texts in order": lambda texts: list(texts.values()),
    "frame": lambda texts: pd.DataFrame({"id": list(texts), "answer": list(texts.values())}),
    "frame with numbers": lambda texts: pd.DataFrame({"id": np.array(list(texts), int), "answer": texts.values()}),
    "frame by its index": lambda texts: pd.DataFrame({"text": texts}).rename_axis("question_id"),
    "series": lambda texts: pd.Series(texts).to_dict(),
}


@pytest.mark.parametrize("form", FORMS)
def test_scores_are_those_of_the_command(form, texts, expected, score):
    scored = score(FORMS[form](texts))
    report = json.loads(scored.report.model_dump_json())
    assert report["metrics"] == expected["metrics"]
    assert report["samples"] == expected["samples"]
    assert report["data"] == expected["data"]


def test_a_path_is_read_as_the_command_does(texts, expected, score, tmp_path):
    for path in (tmp_path / "answers.jsonl", str(tmp_path / "answers.jsonl")):
        assert json.loads(score(path).report.model_dump_json()) == expected


def test_views_show_the_report(texts, score):
    scored = score(texts)
    assert scored.value == scored.scores.query("primary")["value"].item()
    assert list(scored.samples["id"]) == list(texts)
    assert "12 of 12 answered, 0 failed, 0 missing" in repr(scored)


def test_none_is_a_failed_sample_and_a_missing_one_is_missing(texts, score):
    assert list(score(texts, limit=4, allow_partial=False).samples["id"]) == ["0", "1", "2", "3"]
    four = dict(list(texts.items())[:4])
    scored = score(four | {"0": None}, limit=4, allow_partial=False)
    assert list(scored.samples["status"]) == ["failed", "answered", "answered", "answered"]
    del four["1"]
    with pytest.raises(UserError, match="1 of 4 questions have no answer"):
        score(four, limit=4, allow_partial=False)
    four["99"] = "yes"
    with pytest.raises(UserError, match=r"1 answer to questions, .* that are not in the data, the first, row 3"):
        score(four, limit=4, allow_partial=False)


def test_ids_that_may_be_others_are_refused_where_not_all_must_be_there(texts, score):
    """POPE's own ids begin at 0, LLaVA's at 1 in each category: a part of them may be either."""
    del texts["1"]
    with pytest.raises(UserError, match="nothing in the file tells which"):
        score(texts)
    rows = [
        {"question_id": key, "text": text, "question": f"Is there a random cat {key}?"} for key, text in texts.items()
    ]
    assert score(rows[:3]).report.counts.answered == 3


def test_passes_of_a_circular_question_have_keys_of_their_own():
    task = emma_eval.load_task("mmbench_mini")
    right = {request.key: "A" for request in task.requests()}
    scored = emma_eval.score("mmbench_mini", right)
    assert scored.report.counts.answered == len(task)
    rows = [{"question_id": key, "pass_index": index, "text": text} for (key, index), text in right.items()]
    assert emma_eval.score("mmbench_mini", pd.DataFrame(rows)).value == scored.value
    with pytest.raises(UserError, match=r"passes\), the first is"):
        emma_eval.score("mmbench_mini", {sample.id: "A" for sample in task})


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ({}, "predictions: there are no answers in it"),
        ([], "predictions: there are no answers in it"),
        ({"nowhere": "yes"}, "predictions"),
        (["yes"] * (REQUESTS - 1), "predictions: 11 texts for the 12 samples of task pope"),
        ([1] * REQUESTS, "one of its items is 1"),
        (["yes", {"id": 1}], "one of its items is {'id': 1}"),
        (5, "predictions of type int: a path, a mapping"),
        (b"yes", "predictions of type bytes"),
        ({"0": ["a", "b"]}, "row 0: text must be text, not a list of 2"),
        ("nowhere.jsonl", "nowhere.jsonl"),
        (pd.DataFrame({"id": ["0"]}), "predictions"),
    ],
)
def test_what_are_no_answers_is_one_line(predictions, message, score):
    with pytest.raises(UserError) as refused:
        score(predictions)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_unknown_names_are_refused(texts, score):
    with pytest.raises(UserError, match="unknown protocol 'x'"):
        score(texts, protocol="x")
    with pytest.raises(UserError, match="unknown task 'popes'"):
        emma_eval.score("popes", texts)
    with pytest.raises(UserError, match="a whole number above 0"):
        score(texts, limit=0)
    with pytest.raises(UserError, match="limit='2': '2' is not a whole number"):
        score(texts, limit="2")
