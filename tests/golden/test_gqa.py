"""GQA against Stanford's eval.py, with and without LLaVA's conversion."""

import pytest

from emma_eval.scorers import get_scorer
from tests.golden.files import answers_of, overall, read_json, read_lines, samples_of

DETAILED = {
    "accuracyPerStructuralType": "structural_type",
    "accuracyPerSemanticType": "semantic_type",
    "accuracyPerSteps": "steps",
    "accuracyPerLength": "words",
}
SETS = {
    "val_like": {"questions": "val_questions.json", "choices": "val_choices.json"},
    "testdev_like": {"questions": "testdev_balanced_questions.json"},
}
PROTOCOLS = {"raw_predictions": "none", "after_llava_conversion": "llava"}


@pytest.fixture(params=SETS)
def case(request, golden):
    folder = golden("gqa") / request.param
    samples = samples_of("gqa_json", folder, **SETS[request.param])
    return (
        samples,
        answers_of(read_lines(folder, "predictions.jsonl")),
        read_json(folder, "expected.json"),
        request.param,
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_all_metrics(case, protocol):
    samples, answers, expected, name = case
    scores = get_scorer("gqa", conversion=PROTOCOLS[protocol])(samples, answers)
    official = expected[protocol]["scores"]
    simple = ["accuracy", "binary", "open", "validity", "plausibility", "consistency"]
    if name == "testdev_like":  # the tool says 0 for what it was made to leave out; we say nothing
        unavailable = {metric for metric in simple if official[metric] == 0}
        assert unavailable == {"validity", "plausibility", "consistency"}
        assert unavailable.isdisjoint(metric.name for metric in scores.metrics)
        assert [note.split()[0] for note in scores.notes[:2]] == ["validity", "consistency"]
        simple = [metric for metric in simple if metric not in unavailable]
    for metric in simple:
        assert overall(scores, metric) == official[metric], metric
    assert overall(scores, "distribution") == official["distribution"]
    for key, group in DETAILED.items():
        ours = {m.category: [m.value, m.n] for m in scores.metrics if m.group == group}
        assert ours == official[key]


def test_the_official_tool_refuses_missing_predictions(golden):
    expected = read_json(golden("gqa") / "val_like", "expected.json")
    assert "error" in expected["some_predictions_missing"]
    assert "error" in expected["only_balanced_predicted_without_consistency_flag"]
