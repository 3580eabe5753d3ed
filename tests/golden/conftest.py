"""Where the golden score vectors are: EMMA_GOLDEN_DIR, or `../shared/golden` beside the project.

Without the variable and without the default folder everything here is skipped, with the reason. Where a golden set is
there, a folder of a supported benchmark that is missing or empty is a failure.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from emma_eval.stats.bootstrap import recompute
from emma_eval.types import Scores

DEFAULT = Path(__file__).parents[2].parent / "shared" / "golden"


@pytest.fixture(scope="session")
def golden() -> Callable[[str], Path]:
    """golden("vqav2") is that folder, checked to hold files."""
    chosen = os.environ.get("EMMA_GOLDEN_DIR")
    root = Path(chosen) if chosen else DEFAULT
    if not chosen and not root.is_dir():
        pytest.skip(f"no golden score vectors at {root}; set EMMA_GOLDEN_DIR to their folder")

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
