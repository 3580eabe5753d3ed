"""HallusionBench: questions, figures and question pairs, counted by hand on a small set."""

import pytest

from emma_eval.scorers.hallusionbench import hallusionbench, parse_answer
from tests.fakes import sample
from tests.scorers.helpers import answered, value


@pytest.mark.parametrize(
    ("text", "parsed"),
    [("Yes.", "yes"), ("no", "no"), ("NO, it isn't", "no"), ("yes and no", ""), ("not sure", ""), ("", "")],
)
def test_yes_and_no_are_words_of_their_own(text, parsed):
    assert parse_answer(text) == parsed


def test_figures_and_pairs_count_whole():
    def asked(number, category, figure, question):
        return sample(
            str(number),
            "yes",
            category=category,
            subcategory="chart",
            set_id="0",
            figure_id=figure,
            question_id=question,
        )

    samples = [
        asked(1, "VS", "0", "0"),  # without an image: in no figure, but in its pair
        asked(2, "VS", "1", "0"),
        asked(3, "VS", "1", "1"),
        asked(4, "VD", "0", "0"),
        asked(5, "VD", "0", "1"),
        asked(6, "VD", "1", "1"),
    ]
    scores = hallusionbench(samples, answered("no", "yes", "yes", "yes", "yes", None))
    assert value(scores) == pytest.approx(400 / 6)
    assert value(scores, "figure_accuracy") == pytest.approx(200 / 3)  # VS 1 and VD 0, not VD 1
    assert value(scores, "pair_accuracy") == 50  # VS 1 and VD 0, not VS 0 and VD 1
    assert value(scores, group="category", category="VD") == pytest.approx(200 / 3)
    assert {one.cluster for one in scores.samples} == {"VS_chart_0", "VD_chart_0"}
