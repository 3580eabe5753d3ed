"""A run reads, locates and builds each thing once, however often it is needed."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from emma_eval.cli.main import main
from tests.fakes import FakeEngine, FakeHandle, run_pope

COUNTED = {
    "emma_eval.runs.response_store.read_log": "responses file parsed",
    "emma_eval.results.responses.read_log": "responses file parsed",
    "emma_eval.data.location.locate_data": "data located",
    "emma_eval.data.loading.read_samples": "samples read",
    "emma_eval.runs.runner.load_published": "published scores parsed",
    "emma_eval.reports.published.load_published": "published scores parsed",
    "emma_eval.reports.leaderboard.model_rows": "leaderboard built",
}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each of these functions was called."""
    counts: Counter[str] = Counter()

    def counted(function: Callable[..., object], what: str) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            counts[what] += 1
            return function(*arguments, **options)

        return call

    for path, what in COUNTED.items():
        module, _, name = path.rpartition(".")
        monkeypatch.setattr(path, counted(getattr(importlib.import_module(module), name), what))
    return counts


@pytest.mark.parametrize("answered_before", [0, 5, 12])
def test_each_file_is_read_once_a_run(
    data: Path, folder: Path, answered_before: int, calls: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if answered_before == 12:
        run_pope(data, folder)
    elif answered_before:
        with pytest.raises(KeyboardInterrupt):
            run_pope(data, folder, FakeEngine(stop_after=answered_before))
    calls.clear()
    engine = FakeEngine()
    monkeypatch.setattr("emma_eval.models.find_model", lambda spec: FakeHandle(engine))
    given = ["--tasks", "pope", "--data", str(data), "--output", str(folder), "--allow-partial"]
    assert main(["run", "--model", "fake", *given]) == 0
    assert len(engine.requests) == 12 - answered_before
    assert calls == dict.fromkeys(COUNTED.values(), 1), "each of these happens, and once"
