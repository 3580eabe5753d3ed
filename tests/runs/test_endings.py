"""Why answers ended, and which prompts were cut, is kept with each response and told beside the scores."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from emma_eval.reports.html.report import write_report
from emma_eval.results.scores import Endings, read_scores
from emma_eval.types import Failure, Generation, Request
from tests.fakes import REQUESTS, FakeEngine, run_pope, write_pope


class Ending(FakeEngine):
    """Gives every answer the same end."""

    def __init__(self, **changes: object) -> None:
        super().__init__()
        self.changes = changes

    def respond(self, request: Request) -> Generation | Failure:
        return replace(super().respond(request), **self.changes)  # type: ignore[arg-type]


class Failing(FakeEngine):
    """Fails at every request."""

    def respond(self, request: Request) -> Failure:
        return Failure("the image is broken")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_pope(tmp_path / "data")
    return tmp_path / "run"


def notes(folder: Path, **changes: object) -> tuple[str, ...]:
    run_pope(folder.parent / "data", folder, Ending(**changes))
    return read_scores(folder).tasks[0].notes


def test_nothing_is_told_of_answers_that_the_model_ended(folder: Path) -> None:
    assert notes(folder) == ()
    assert read_scores(folder).tasks[0].endings == Endings(stop=REQUESTS, length=0, error=0)


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"finish_reason": "length"}, "12 of 12 answers were cut off at 128 tokens"),
        ({"text": ""}, "12 of 12 answers are empty"),
        ({"prompt_cut": True}, "12 of 12 prompts were cut: they are longer than the model reads"),
    ],
)
def test_what_is_amiss_is_a_note_a_footnote_and_on_the_page(
    folder: Path, changes: dict[str, object], note: str
) -> None:
    assert note in notes(folder, **changes)
    assert note.partition(" at ")[0].partition(":")[0] in (folder / "leaderboard.md").read_text()
    page = write_report([folder], folder / "page").read_text()
    assert note in page or "prompts cut" in page


def test_a_failure_is_an_ending_of_its_own(folder: Path) -> None:
    run_pope(folder.parent / "data", folder, Failing())
    assert read_scores(folder).tasks[0].endings == Endings(stop=0, length=0, error=REQUESTS)


def test_a_model_that_does_not_say_is_counted_as_unknown(folder: Path) -> None:
    assert notes(folder, finish_reason=None, prompt_cut=None) == ()
    assert read_scores(folder).tasks[0].endings == Endings(stop=0, length=0, error=0, unknown=REQUESTS)


def test_scores_of_before_endings_were_kept_are_read(folder: Path) -> None:
    notes(folder)
    path = folder / "scores.json"
    content = json.loads(path.read_text())
    del content["tasks"][0]["endings"]
    path.write_text(json.dumps(content))
    assert read_scores(folder).tasks[0].endings is None
    assert write_report([folder], folder / "page").is_file()
