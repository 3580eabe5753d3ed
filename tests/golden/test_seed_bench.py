"""SEED-Bench: real GPT-4V answers by exact equality, generated ones through LLaVA's script."""

import pytest

from emma_eval.scorers import get_scorer
from emma_eval.types import Answer, Sample
from tests.golden.files import answers_of, breakdown, overall, read_json, read_lines, samples_of


@pytest.mark.parametrize("name", ["gpt4v_seed1", "gpt4v_seed2"])
def test_real_answers(golden, name):
    """Some ids stand there twice: each row is a sample of its own. In SEED-Bench-2 the id's prefix is the task."""
    folder = golden("seed_bench")
    rows, expected = read_lines(folder, f"{name}_predictions.jsonl"), read_json(folder, f"{name}_expected.json")
    prefixes = (
        [row["question_id"].split("_")[0] for row in rows] if "per_task_prefix" in expected else ["0"] * len(rows)
    )
    samples = [
        Sample(
            str(i),
            "",
            references=(row["gt_answer"],),
            category=p,
            meta={"question_type_id": int(p), "data_type": "image"},
        )
        for i, (row, p) in enumerate(zip(rows, prefixes, strict=True))
    ]
    scores = get_scorer("seed")(samples, {(str(i), 0): Answer(row["prediction"]) for i, row in enumerate(rows)})
    assert len(scores.samples) == expected["count"]
    assert sum(score.score for score in scores.samples) == expected["exact_equality_correct"]
    assert overall(scores) == expected["exact_equality_accuracy_percent"]
    by_type = {m.category: m for m in scores.metrics if m.group == "question_type"}
    for prefix, official in expected.get("per_task_prefix", {}).items():
        assert (by_type[prefix].value, by_type[prefix].n) == (official["accuracy_percent"], official["count"])


def printed(scores):
    """The lines of LLaVA's script."""
    media = breakdown(scores, "data_type")
    lines = [f"{name}: {value:.2f}%" for name, value in breakdown(scores, "question_type").items()]
    lines += [f"Total accuracy: {overall(scores):.2f}%"]
    return "\n".join([*lines, *(f"{medium} accuracy: {media[medium]:.2f}%" for medium in ("image", "video"))]) + "\n"


def test_styled_answers(golden):
    folder = golden("seed_bench")
    expected = read_json(folder, "styled_expected.json")
    samples = samples_of("seed_json", folder, questions="styled_annotation.json")
    answers = answers_of(read_lines(folder, "styled_predictions.jsonl"))
    scores = get_scorer("seed")(samples, answers)
    assert printed(scores) == expected["complete"]["printed"]
    for metric in (m for m in scores.metrics if m.group == "question_type"):
        correct, count = expected["counts"][metric.category]
        assert (metric.value, metric.n) == (correct / count * 100, count)
    per_question = {
        row["question_id"]: row["llava_exact"] for row in read_lines(folder, "styled_expected_per_question.jsonl")
    }
    assert {score.id: bool(score.score) for score in scores.samples} == per_question

    gone = set(expected["missing_question_ids"])
    left = {key: answer for key, answer in answers.items() if key[0] not in gone}
    assert printed(get_scorer("seed")(samples, left)) == expected["with_missing"]["printed"]
