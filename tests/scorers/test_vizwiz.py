"""VizWiz: what differs from VQA accuracy, and answerability."""

import pytest

from emma_eval.scorers.vizwiz import vizwiz
from tests.fakes import sample
from tests.scorers.helpers import answered, names, value


def score(references, prediction, **options):
    return vizwiz([sample("1", tuple(references))], answered(prediction), **options).samples[0].score


def test_the_truth_is_never_normalised_and_the_prediction_always():
    assert score(["Yes"] * 10, "Yes") == 0
    assert score(["yes"] * 10, "The YES.") == 1


def test_equal_answers_count_one_by_one():
    assert score(["cat"] * 2 + ["dog"] * 8, "cat") == pytest.approx(0.6)


def test_llavas_processor_goes_first():
    assert score(["1000"] * 10, "1,000") == 1
    assert score(["king's"] * 10, "king's", processor="llava") == 0


def test_answerability_is_the_finding_of_unanswerable_questions():
    samples = [sample(str(i), "x", answerable=int(i > 2)) for i in (1, 2, 3, 4)]  # 1 and 2 are unanswerable
    scores = vizwiz(samples, answered("Unanswerable.", "cat", "unanswerable", "dog"))
    assert value(scores, "unanswerable_f1") == 50
    # precision 1/2 up to recall 1/2, then 2/4 up to recall 1
    assert value(scores, "unanswerable_average_precision") == 50


def test_without_labels_there_is_no_answerability():
    assert names(vizwiz([sample()], answered("yes"))) == {"accuracy"}
