"""Means over corruptions, by hand."""

import pytest

from emma_eval.robustness.corruption_means import corruption_means
from emma_eval.robustness.meaning import AskedTask
from emma_eval.robustness.variants import corruption_variants
from emma_eval.types import SampleScore
from tests.fakes import sample


def asked(*scores: float) -> AskedTask:
    samples = [sample(str(index), "yes") for index in range(len(scores))]
    found = [SampleScore(str(index), score, "yes") for index, score in enumerate(scores)]
    return AskedTask(samples=samples, scores=found, texts={}, circular=False)


def test_a_mean_is_over_variants_within_each_sample_and_then_over_samples() -> None:
    names = ("fog_1", "fog_5", "snow_5", "gaussian_blur_5")
    variants = {name: corruption_variants()[name] for name in names}
    runs = {
        "fog_1": asked(1, 1, 1, 1),
        "fog_5": asked(1, 0, 1, 0),
        "snow_5": asked(1, 0, 0, 0),
        "gaussian_blur_5": asked(0, 0, 0, 0),  # which the paper holds out
    }
    found = {one.of: one for one in corruption_means(variants, asked(1, 1, 1, 0), runs)}
    assert list(found) == ["all", "severity 5", "weather"]
    assert found["all"].score.value == pytest.approx((1 + 1 / 3 + 2 / 3 + 1 / 3) / 4)
    assert found["all"].score.original == 0.75
    assert found["severity 5"].score.value == (1 + 0 + 0.5 + 0) / 4
    assert found["severity 5"].score.difference == 0.375 - 0.75
    assert (found["all"].variants, found["severity 5"].variants) == (3, 2)
    assert found["all"].worst == "snow_5"


def test_of_one_corruption_alone_there_is_no_mean() -> None:
    variants = {"fog_1": corruption_variants()["fog_1"]}
    assert corruption_means(variants, asked(1, 0), {"fog_1": asked(1, 1)}) == []
