"""MMBench against VLMEvalKit's exact matching and EMMA's model_vqa_mmbench.py --all-rounds."""

import pytest

from emma_eval.scorers import get_scorer
from emma_eval.scorers.mmbench import emma_passes
from emma_eval.scorers.option_matching import after_xlsx, infer, infer_letter
from emma_eval.tasks.circular import circular_passes
from emma_eval.types import Answer
from tests.golden.files import breakdown, overall, read_json, read_lines, samples_of

ABBREVIATIONS = {
    "CP": "coarse_perception",
    "FP-S": "finegrained_perception (instance-level)",
    "FP-C": "finegrained_perception (cross-instance)",
    "LR": "logic_reasoning",
    "RR": "relation_reasoning",
    "AR": "attribute_reasoning",
}


def as_cell(value):
    """A number as a spreadsheet keeps it: 3.0 is 3."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


@pytest.fixture(params=["en", "cn"])
def folder(request, golden):
    return golden("mmbench") / request.param


@pytest.fixture
def answers(folder):
    rows = read_lines(folder, "predictions.jsonl")
    return {(str(row["g_index"]), row["round"]): Answer(as_cell(row["prediction"])) for row in rows}


@pytest.fixture(params=["circular.tsv", "questions.tsv"])
def samples(request, folder):
    return samples_of("mmbench_tsv", folder, questions=request.param)


def test_every_row_is_read_as_vlmevalkit_reads_it(folder):
    for row in read_lines(folder, "expected_per_row.jsonl"):
        raw = str(row["prediction"])
        assert infer_letter(raw, row["choices"]) == row["can_infer_option"], row
        assert infer(raw, row["choices"]) == row["can_infer"], row
        assert after_xlsx(as_cell(row["prediction"])) == row["text_after_xlsx"], row
        assert infer(row["text_after_xlsx"], row["choices"]) == row["can_infer_after_xlsx"], row


def test_the_passes_are_those_of_the_circular_file(folder, samples):
    rows = {row["index"]: row for row in read_lines(folder, "expected_per_row.jsonl")}
    passes = {
        int(sample.id) + 1_000_000 * pass_index: one
        for sample in samples
        for pass_index, one in enumerate(circular_passes(sample))
    }
    assert {index: (dict(choices), answer) for index, (choices, answer) in passes.items()} == {
        index: (row["choices"], row["answer"]) for index, row in rows.items()
    }


def test_circular_and_vanilla_accuracy(folder, samples, answers):
    official = read_json(folder, "expected.json")["vlmevalkit_exact_matching"]
    scores = get_scorer("mmbench")(samples, answers)
    assert len(samples) == official["questions"]
    assert sum(score.score for score in scores.samples) == official["questions_hit"]
    assert overall(scores, "vanilla_accuracy") == official["vanilla_first_pass_mean_hit"]
    assert overall(scores, "vanilla_accuracy_all_passes") == official["vanilla_all_rows_mean_hit"]
    assert table(scores, "") == official["circular_without_split_column"]["none"]
    for split, expected in official["circular"].items():
        assert table(scores, f"{split}/") | {"Overall": breakdown(scores, "split")[split]} == expected


def table(scores, prefix):
    """One line of the official table: abilities of both levels, the upper ones abbreviated."""
    upper = {short: breakdown(scores, f"{prefix}l2_category").get(name) for short, name in ABBREVIATIONS.items()}
    line = {name: value for name, value in upper.items() if value is not None} | breakdown(scores, f"{prefix}category")
    return line if prefix else line | {"Overall": overall(scores)}


def test_every_question(folder, samples, answers):
    official = {str(row["index"]): row for row in read_lines(folder, "expected_per_question.jsonl")}
    by_vlmevalkit = get_scorer("mmbench")(samples, answers)
    assert {score.id: score.score for score in by_vlmevalkit.samples} == {
        key: row["hit"] for key, row in official.items()
    }
    by_emma = get_scorer("mmbench", matching="emma")(samples, answers)
    for score in by_emma.samples:
        assert score.score == all(official[score.id]["emma_round_hits"] or []), score.id
    for sample in samples:
        hits = [int(right) for right, _ in emma_passes(sample, answers)]
        assert hits == (official[sample.id]["emma_round_hits"] or []), sample.id


def test_emmas_all_rounds(folder, samples, answers):
    expected = read_json(folder, "expected.json")["emma_all_rounds"]
    report = expected["questions_whose_options_read_back_as_missing"]
    cut = {str(index): seen for index, _, seen in report["rows"]}
    assert {sample.id: len(sample.options) for sample in samples if sample.id in cut} == cut
    complete = [sample for sample in samples if sample.id not in cut]
    for asked, official in (
        (samples, expected["all_questions"]),
        (complete, expected["questions_without_missing_options"]),
    ):
        scores = get_scorer("mmbench", matching="emma")(asked, answers)
        (per_round,) = [m for m in scores.metrics if m.name == "vanilla_accuracy_all_passes"]
        hits = int(sum(score.score for score in scores.samples))
        assert per_round.n == official["rounds_run"]
        assert official["last_two_lines"] == [
            f"count: {round(per_round.value * per_round.n)}, all: {per_round.n}, acc:{round(per_round.value, 4)}",
            f"count: {hits}, all: {len(asked)}, acc:{round(overall(scores), 4)}",
        ]
