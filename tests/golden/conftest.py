"""Where the golden score vectors are (tests/shared.py).

Without EMMA_GOLDEN_DIR and without the default folder every test here is skipped. Where a golden set is there, a folder
of a supported benchmark that is missing or empty is a failure.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from emma_eval.stats.bootstrap import recompute
from emma_eval.types import Scores
from tests.shared import reason, shared


@pytest.fixture(scope="session")
def golden() -> Callable[[str], Path]:
    """golden("vqav2") is that folder, checked to hold files."""
    root = shared("golden")
    if not os.environ.get("EMMA_GOLDEN_DIR") and not root.is_dir():
        pytest.skip(reason("golden"))

    def folder(name: str) -> Path:
        path = root / name
        if not path.is_dir() or not any(path.iterdir()):
            pytest.fail(f"the golden folder {path} is missing or empty")
        return path

    return folder


@pytest.fixture(autouse=True)
def _metrics_follow_from_what_each_sample_adds(request, monkeypatch):
    """Whatever a golden test scores, every metric computed again from its ratios is the metric."""
    original = getattr(request.module, "get_scorer", None)
    if original is None:
        return

    def get_checked_scorer(*args, **options):
        scorer = original(*args, **options)

        def scored(samples, answers):
            scores = scorer(samples, answers)
            assert_resampling_can_begin(scores)
            return scores

        return scored

    monkeypatch.setattr(request.module, "get_scorer", get_checked_scorer)


def assert_resampling_can_begin(scores: Scores) -> None:
    for metric in scores.metrics:
        if metric.ratios:
            assert recompute(metric, scores.samples) == pytest.approx(metric.value, rel=1e-12, abs=1e-12), metric
        else:
            assert any(f"{metric.name} has no interval" in note for note in scores.notes), metric
