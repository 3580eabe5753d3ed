"""CI's part of the fault run, and that the documented table is that of the cases."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.faults.cases import all_cases, chosen_for_ci
from tests.faults.document import KINDS
from tests.faults.results import Results
from tests.faults.running import run_cases
from tests.faults.trial import Case

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"

needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes in /proc")


@needs_proc
def test_a_few_cases_hold() -> None:
    results = Results(None, seed=0)
    run_cases(chosen_for_ci(), results, 0, again=True, keep=None)
    assert {label: result.problem for label, result in results.by_label.items() if result.outcome == "failed"} == {}
    assert any(result.outcome == "passed" for result in results.by_label.values())


def test_no_two_cases_have_one_name() -> None:
    labels = [case.label for case in all_cases()]
    assert len(set(labels)) == len(labels)


def test_fifty_moments_are_killed_in_every_phase() -> None:
    """Not counting those of an engine that is not installed."""
    killed = [
        case for case in all_cases() if case.kind in ("kill -9", "SIGTERM", "Ctrl-C") and not case.subject.missing
    ]
    assert len(killed) >= 50
    phases = {case.name.split()[0] for case in killed}
    assert phases == {"start", "planning", "loading", "generation", "scoring", "leaderboard", "exit"}


def test_the_document_has_a_row_for_each_kind_and_counts_its_cases() -> None:
    cases = all_cases()
    assert {case.kind for case in cases} == set(KINDS)
    rows = re.findall(r"^\| (.+?) \| .+? \| (\d+) of (\d+) \|", DOCUMENT.read_text(encoding="utf-8"), flags=re.M)
    assert [(words, int(count)) for words, _, count in rows] == [
        (words, sum(case.kind == kind for case in cases)) for kind, words in KINDS.items()
    ]


def test_a_command_that_does_not_hold_is_reported(tmp_path: Path) -> None:
    """The checks can fail: here the case itself changes a score."""
    case = chosen_for_ci()[0]

    def act(trial):  # type: ignore[no-untyped-def]
        trial.ended(trial.start().finish(), 0)
        path = trial.folder / "scores.json"
        path.write_text(path.read_text().replace("quiz", "quid"))
        trial.require_whole()

    results = Results(tmp_path / "results.jsonl", seed=0)
    broken = Case("kill -9", case.subject, "broken", act)
    assert run_cases([broken], results, 0, again=True, keep=None) == 1
    assert Results(tmp_path / "results.jsonl", 0).by_label[broken.label].problem == (
        "scores.json differs from the undisturbed one"
    )
