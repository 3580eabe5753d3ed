"""Every metric without a golden file equals the aggregate of its ratios, so that it can be resampled."""

import pytest

from emma_eval.scorers import get_scorer
from emma_eval.stats.bootstrap import recompute
from tests.fakes import sample
from tests.scorers.helpers import answered

FIGURE = {"subcategory": "chart", "set_id": "0", "question_id": "0"}
WORDS = {"association": {"dog": ["puppy"], "cat": []}, "safe_words": frozenset()}
CASES = {
    "letters": [sample(str(i), "A", options=("x", "y"), pair=i // 2, category="c", kind="k") for i in range(1, 6)],
    "contains": [sample(str(i), "A", category="c") for i in range(1, 6)],
    "hallusionbench": [sample(str(i), "yes", category="VD", figure_id=str(i // 2), **FIGURE) for i in range(1, 6)],
    "amber_generative": [sample(str(i), ("dog",), hallu=("cat",), **WORDS) for i in range(1, 6)],
}
TEXTS = ("A", "yes", "A puppy and a cat.", "B", None)


@pytest.mark.parametrize("name", CASES)
def test_a_metric_is_the_aggregate_of_its_ratios(name):
    if name == "amber_generative":
        pytest.importorskip("textblob")
    scores = get_scorer(name)(CASES[name], answered(*TEXTS))
    for metric in scores.metrics:
        assert recompute(metric, scores.samples) == pytest.approx(metric.value, rel=1e-12, abs=1e-12), metric
    assert len(scores.metrics) > 1
