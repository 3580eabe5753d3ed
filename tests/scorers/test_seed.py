"""SEED-Bench: exact equality, and the order of types."""

from emma_eval.scorers.seed import seed
from tests.fakes import sample
from tests.scorers.helpers import answered, value


def test_the_letter_must_equal_exactly_blanks_included():
    samples = [
        sample("1", "A", category="Text Understanding", question_type_id=9, data_type="image"),
        sample("2", "A ", category="Action Recognition", question_type_id=10, data_type="video"),
        sample("3", "B", category="Scene Understanding", question_type_id=1, data_type="image"),
    ]
    scores = seed(samples, answered("A", "A", None))
    assert value(scores) == 1 / 3 * 100
    assert value(scores, group="data_type", category="image") == 50
    assert value(scores, group="data_type", category="video") == 0
    types = [m.category for m in scores.metrics if m.group == "question_type"]
    assert types == ["Scene Understanding", "Text Understanding", "Action Recognition"]
