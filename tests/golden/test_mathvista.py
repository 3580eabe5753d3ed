"""MathVista against calculate_score.py and the rules of extract_answer.py."""

import pytest

from emma_eval.judges.mathvista import JUDGE
from emma_eval.judges.task_judge import JudgedTask
from emma_eval.scorers import get_scorer
from emma_eval.scorers.mathvista import UNEXTRACTED, extract, normalize
from emma_eval.types import Answer, Sample
from tests.golden.files import breakdown, overall, read_json, read_lines

RUNS = ["bard", "chatgpt_2shot_code", "idefics_9b_instruct", "llava_llama_2_13b", "llavar"]
MODEL_CALL = "<<model call>>"


def sample(row, meta=()):
    keys = ("question_type", "answer_type", "precision")
    return Sample(
        row.get("pid", ""),
        "",
        references=(row.get("answer", ""),),
        options=tuple(row["choices"] or ()),
        meta={key: row.get(key) for key in keys} | dict(meta),
    )


@pytest.fixture(params=RUNS)
def run(request, golden):
    folder = golden("mathvista")
    metadata = {row["pid"]: row for row in read_lines(folder, "metadata.jsonl")}
    rows = read_lines(folder, f"{request.param}_predictions.jsonl")
    return (
        [sample(row, metadata[row["pid"]]) for row in rows],
        rows,
        read_json(folder, f"{request.param}_expected.json"),
    )


def test_extractions_by_a_judge_score_as_officially(run):
    samples, rows, expected = run
    answers = {(row["pid"], 0): Answer(row["extraction"]) for row in rows if row["extraction"] is not None}
    scores = get_scorer("mathvista", extraction="done")(samples, answers)
    official = expected["recomputed_with_current_official_code"]
    assert overall(scores) == official.pop("average")["accuracy"]
    sizes = {(m.group, m.category): m.n for m in scores.metrics}
    for group, categories in official.items():
        # some runs were made with an older list of skills than the metadata have: a skill then has another size
        same = {name for name, row in categories.items() if group != "skills" or sizes[group, name] == row["total"]}
        ours = {name: value for name, value in breakdown(scores, group).items() if name in same}
        assert ours == {name: categories[name]["accuracy"] for name in same}, group
        assert same, group
    for row, score in zip(rows, scores.samples, strict=True):
        assert (score.score == 1.0) == row["true_false"], row
        if row["prediction"] is not None:
            assert score.parsed_answer == row["prediction"], row


def test_a_judge_that_says_what_the_official_one_said_gives_the_official_accuracy(run):
    samples, rows, _ = run
    task = JudgedTask("mathvista", samples, {(row["pid"], 0): Answer(row["response"]) for row in rows}, {})
    asked = {request.key for request in JUDGE.requests(task, {})}
    assert all((row["pid"], 0) in asked for row in rows if row["rule_extraction"] == MODEL_CALL)
    verdicts = {(row["pid"], 0): [row["extraction"] or ""] for row in rows if (row["pid"], 0) in asked}
    found = {one.id: one for one in JUDGE.scores(task, verdicts).samples}
    # Of answers that the rules extract, some files have what an older version of them gave.
    as_today = [row for row in rows if (row["pid"], 0) in asked or row["extraction"] == row["rule_extraction"]]
    assert len(as_today) > 0.98 * len(rows)
    assert all((found[row["pid"]].score == 1.0) == row["true_false"] for row in as_today)


def test_extraction_by_rules(run):
    samples, rows, _ = run
    scores = get_scorer("mathvista")(samples, {(row["pid"], 0): Answer(row["response"]) for row in rows})
    for row, score in zip(rows, scores.samples, strict=True):
        assert (score.parsed_answer == UNEXTRACTED) == (row["rule_extraction"] == MODEL_CALL), row
    (count,) = [metric for metric in scores.metrics if metric.name == "unextracted"]
    assert count.value == sum(row["rule_extraction"] == MODEL_CALL for row in rows)
    assert not count.value or f"{count.value:,} of 1,000 responses are unextracted" in scores.notes[0]


def test_edges_of_the_rules(golden):
    for row in read_lines(golden("mathvista"), "edge_extract_rules.jsonl"):
        found = extract(row["response"], sample(row), quick=row["quick_extract"])
        assert (MODEL_CALL if found is None else found) == row["extraction"], row


def test_edges_of_the_normalisation(golden):
    for row in read_lines(golden("mathvista"), "edge_normalize.jsonl"):
        if row["ignore_empty_extractions"] and not row["extraction"]:
            continue  # an option of the official tool that its own evaluation does not set
        if row["extraction"] is None or (not isinstance(row["extraction"], str) and row["answer_type"] == "text"):
            continue  # no text: answers are texts
        normalized = normalize(str(row["extraction"]), sample(row))
        assert normalized == row["prediction"], row
        assert (normalized == row["answer"]) == row["true_false"], row
