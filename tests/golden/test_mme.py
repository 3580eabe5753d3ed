"""MME against calculation.py of its eval tool."""

from collections import Counter

import pytest

from emma_eval.scorers import get_scorer
from emma_eval.types import Answer
from tests.golden.files import breakdown, overall, read_json, read_lines, read_text, samples_of

NAMES = {"other_num": "other"}  # the rest are ours in lower case


def places(samples):
    """(subtask, line number) -> sample."""
    lines = Counter()
    result = {}
    for sample in samples:
        result[sample.category, lines[sample.category]] = sample
        lines[sample.category] += 1
    return result


def assert_equal_to(scores, expected):
    for subtask, official in expected["per_task"].items():
        for name, value in official.items():
            assert breakdown(scores, "subtask", NAMES.get(name, name.lower()))[subtask] == value, (subtask, name)
    assert overall(scores, "perception") == expected["total"]["Perception"]
    assert overall(scores, "cognition") == expected["total"]["Cognition"]


@pytest.mark.parametrize("run", ["mixed", "clean", "lavin_real"])
def test_real_and_generated_answers(golden, run):
    folder = golden("mme") / run
    samples = samples_of("mme_folder", folder, folder="")
    place = places(samples)
    answers, parsed = {}, {}
    for row in read_lines(folder, "predictions.jsonl"):
        sample = place[row["task"], row["line"]]
        assert (sample.meta["image"], sample.question, sample.references) == (
            row["image"],
            row["question"],
            (row["gt"],),
        )
        answers[sample.id, 0] = Answer(row["prediction"])
        parsed[sample.id] = row["parsed"]
    scores = get_scorer("mme")(samples, answers)
    assert_equal_to(scores, read_json(folder, "expected.json"))
    assert {score.id: score.parsed_answer for score in scores.samples} == parsed


@pytest.mark.parametrize("run", ["mixed", "clean", "lavin_real"])
def test_the_fourth_column_of_the_txt_files_is_the_answer(golden, run):
    folder = golden("mme") / run
    samples = samples_of("mme_folder", folder, folder="")
    answers = {}
    for (subtask, line), sample in places(samples).items():
        text = read_text(folder, f"{subtask}.txt").split("\n")[line]
        answers[sample.id, 0] = Answer(text.split("\t")[3])
    assert_equal_to(get_scorer("mme")(samples, answers), read_json(folder, "expected.json"))


@pytest.mark.parametrize(
    ("run", "answer"),
    [("all_other", "maybe"), ("all_yes", "yes"), ("all_no", "no"), ("perfect", None)],
)
def test_degenerate_runs(golden, run, answer):
    folder = golden("mme")
    samples = samples_of("mme_folder", folder / "mixed", folder="")
    answers = {(sample.id, 0): Answer(answer or sample.references[0]) for sample in samples}
    scores = get_scorer("mme")(samples, answers)
    assert_equal_to(scores, read_json(folder, f"degenerate_{run}.expected.json"))
    assert bool(scores.notes) == (run == "all_other")
