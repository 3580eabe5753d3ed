"""All cases, and the few of them that CI runs."""

from __future__ import annotations

from tests.faults import clock, damage, disk, folders, hangs, kills, lost, memory, pairs
from tests.faults.trial import Case

FAMILIES = (kills, disk, folders, damage, pairs, clock, memory, lost, hangs)
FOR_CI = (
    "kill--9/one/generation-3",
    "SIGTERM/one/generation-4",
    "Ctrl-C/one/scoring-1",
    "disk-full/one/generation-2",
    "run-folder-removed/one/generation",
    "record-damaged/one/byte-1",
    "two-on-one-folder/one/generation",
    "worker-killed/replicas/generation",
)


def all_cases() -> list[Case]:
    """Every case, in the order of the table."""
    found = [case for family in FAMILIES for case in family.cases()]
    order = {kind: number for number, kind in enumerate(dict.fromkeys(case.kind for case in found))}
    return sorted(found, key=lambda case: order[case.kind])


def chosen_for_ci() -> list[Case]:
    """A few quick ones, of different kinds."""
    by_label = {case.label: case for case in all_cases()}
    return [by_label[label] for label in FOR_CI]
