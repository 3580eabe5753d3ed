"""EMMA's count for MathVista: the reference anywhere in the output, case included."""

from emma_eval.scorers.contains import contains
from tests.fakes import sample
from tests.scorers.helpers import answered, value


def test_the_truth_counts_wherever_it_occurs():
    samples = [sample(str(i), reference) for i, reference in enumerate(("1", "Yes", "2.0", "7"), 1)]
    scores = contains(samples, answered("It is 210.", "yes", "2.00", None))
    assert [one.score for one in scores.samples] == [1, 0, 1, 0]
    assert value(scores) == 50
