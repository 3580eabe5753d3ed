"""The table of docs/reliability.md: a row for each kind of fault, from the results of its cases."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.faults.results import Result, Results
from tests.faults.trial import Case

BEGIN = "<!-- the table: written by python -m tests.faults --write -->"
END = "<!-- end of the table -->"
KILLS = ("kill -9", "SIGTERM", "Ctrl-C")
PHASES = {  # of a command, in their order
    "start": "importing",
    "planning": "planning",
    "loading": "loading",
    "generation": "answering",
    "scoring": "scoring",
    "leaderboard": "reporting",
    "exit": "ending",
}
LONGEST = 170  # letters of a message
KINDS = {  # what is done to the command
    "kill -9": "SIGKILL at a random moment",
    "SIGTERM": "SIGTERM at a random moment, as at a batch system's time limit",
    "Ctrl-C": "Ctrl-C at a random moment",
    "disk full": "the disk fills: a file system of its own, 1 MB",
    "file size limit": "no file may grow beyond 2,500 bytes (`ulimit -f`)",
    "data folder removed": "the benchmark's data are removed while answers come",
    "run folder removed": "the run folder is removed",
    "cache folder removed": "the cache folder is removed",
    "unreadable": "a file or folder cannot be read (mode 000, without root's rights)",
    "JSON line damaged": "a data file: another byte, or cut, between two sessions",
    "Parquet file damaged": "a Parquet file, likewise",
    "weights damaged": "a shard of the weights, likewise",
    "record damaged": "recorded answers or verdicts, likewise",
    "manifest damaged": "the manifest, likewise",
    "result damaged": "scores, samples, statistics, tables, the lock file of a finished run",
    "image damaged": "an image: another byte, or cut",
    "cache damaged": "a file of the shipped suite in the cache",
    "two on one folder": "two processes on one folder",
    "two on one cache": "two processes fill one empty cache",
    "clock set back": "the clock goes back three days, between sessions or within one (libfaketime)",
    "out of memory": "hardly any more memory from a moment on (`RLIMIT_AS`), or an error of the device or model",
    "worker killed": "the system kills a replica's process",
    "engine lost": "an error out of vLLM's step; Ray's process on a machine is killed: on one of two, on the only one",
    "worker hangs": "a replica's process stops (its limit lowered from 120 s to 3 s, Ray's from 600 s to 8 s)",
    "server hangs": "a server is silent, breaks off, is gone or busy, for a while or for ever",
    "judge hangs": "a judge, likewise",
}


def write_table(path: Path, cases: Sequence[Case], results: Results) -> None:
    """Replace the table in the document."""
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    path.write_text(f"{before}{BEGIN}\n\n{table(cases, results)}\n\n{END}{after}", encoding="utf-8")


def table(cases: Sequence[Case], results: Results) -> str:
    """The rows, and the sums below."""
    lines = ["| fault | commands | cases | what is said, for example |", "|---|---|---|---|"]
    for kind, words in KINDS.items():
        own = [case for case in cases if case.kind == kind]
        found = [results.by_label[case.label] for case in own if case.label in results.by_label]
        passed = [result for result in found if result.outcome == "passed"]
        titles = ", ".join(dict.fromkeys(case.subject.title for case in own))
        lines.append(f"| {words} | {titles} | {len(passed)} of {len(own)} | {example(passed)} |")
    known = [results.by_label[case.label] for case in cases if case.label in results.by_label]
    lines += ["", summary(len(cases), known, results.seed), "", *commands_table(cases, results)]
    return "\n".join(lines)


def commands_table(cases: Sequence[Case], results: Results) -> list[str]:
    """Which command met what: kills by phase, then all other faults, each with the number of cases that passed."""
    lines = ["| command | killed while (passed) | other faults (passed) |", "|---|---|---|"]
    totals: Counter[str] = Counter()
    for title in dict.fromkeys(case.subject.title for case in cases):
        passed = [case for case in cases if case.subject.title == title and is_passed(case, results)]
        phases = Counter(PHASES[case.name.split()[0]] for case in passed if case.kind in KILLS)
        kinds = Counter(case.kind for case in passed if case.kind not in KILLS)
        totals += phases
        lines.append(f"| {title} | {counted(phases)} | {counted(kinds)} |")
    return [*lines, f"| all | {counted(totals)}: {totals.total()} | |"]


def is_passed(case: Case, results: Results) -> bool:
    """Whether the case has run and holds."""
    result = results.by_label.get(case.label)
    return bool(result and result.outcome == "passed")


def counted(counts: Mapping[str, int]) -> str:
    """Each name with its number."""
    order = list(PHASES.values())
    names = sorted(counts, key=lambda name: order.index(name) if name in order else len(order))
    return ", ".join(f"{name} {counts[name]}" for name in names) or "none"


def example(passed: Sequence[Result]) -> str:
    """What one of them said."""
    said = re.sub(r"/\S*/site-packages/", "", next((result.said for result in passed if result.said), ""))
    return f"`{said[:LONGEST].replace('|', '/').replace('`', '')}`" if said else "nothing"


def summary(count: int, results: Sequence[Result], seed: int) -> str:
    """How many passed; each that did not, with the reason."""
    of = {outcome: [result for result in results if result.outcome == outcome] for outcome in ("passed", "failed")}
    skipped = [result for result in results if result.outcome == "skipped"]
    text = f"{len(of['passed'])} of {count} cases passed, with seed {seed}."
    if skipped:
        reasons = ", ".join(sorted({result.problem for result in skipped}))
        text += f" Skipped: {len(skipped)} ({reasons})."
    if missing := count - len(results):
        text += f" Not run: {missing}."
    return "\n".join([text, *(f"\n- failed: `{result.label}`: {result.problem}" for result in of["failed"])])
