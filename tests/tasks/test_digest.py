"""Digests of tasks are kept in scores, manifests and baselines: no change of names may change one."""

import json
from pathlib import Path

import pytest

from emma_eval.tasks.digest import task_digest
from emma_eval.tasks.index import task_names
from emma_eval.tasks.loading import load_task

# task, or task@wording -> protocol -> digest, computed before any key was renamed
RECORDED = json.loads((Path(__file__).parent / "digests.json").read_text())


@pytest.mark.parametrize("name", RECORDED)
def test_a_shipped_task_has_the_digest_that_records_hold(name):
    task_name, _, wording = name.partition("@")
    task = load_task(task_name)
    task = task.with_wording(wording) if wording else task
    assert {protocol: task_digest(task, protocol) for protocol in task.protocols} == RECORDED[name]


def test_every_shipped_task_is_recorded():
    assert set(task_names()) == {name.partition("@")[0] for name in RECORDED}
