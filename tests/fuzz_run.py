"""Fuzz every target for a while, one after the other, and count: `python -m tests.fuzz_run --seconds 600`.

Each target is a pytest process of its own. Results are kept; `--write` puts all of them into docs/reliability.md, a
line for each target.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs/reliability.md"
BEGIN, END = "<!-- fuzzing -->", "<!-- /fuzzing -->"
RESULTS = Path(".work/fuzz.jsonl")
TARGETS = {  # what is given, by test file
    "tests/predictions/test_fuzz.py": "answer files, workbooks included",
    "tests/predictions/test_join_property.py": "answer files damaged: each answer its own sample's, or a refusal",
    "tests/data/readers/test_fuzz.py": "data files and images, any bytes; official files with one value changed",
    "tests/tasks/test_fuzz.py": "task files",
    "tests/results/test_fuzz_records.py": "records of answers",
    "tests/results/test_lines_by_schema.py": "lines of records and samples, read by a schema and as plain JSON",
    "tests/judges/test_fuzz_judges.py": "records of verdicts, official verdict files, a judge's replies",
    "tests/models/emma/test_fuzz_configurations.py": "configurations of an EMMA or LLaVA checkpoint",
    "tests/models/mplug_owl2/test_fuzz_configurations.py": "configurations of an mPLUG-Owl2 checkpoint",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz what was asked for; 1 if something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_run", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="part of a test file's path (default: all)")
    parser.add_argument("--seconds", type=float, default=600, help="for each target (default: 600)")
    parser.add_argument("--test", default="", help="one test of the target alone, for its share of the seconds")
    parser.add_argument("--seed", type=int, default=1000, help="of the first examples (default: 1000)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="%(default)s")
    parser.add_argument("--write", action="store_true", help="write all results into docs/reliability.md")
    args = parser.parse_args(argv)
    chosen = [name for name in TARGETS if not args.targets or any(part in name for part in args.targets)]
    if not chosen:
        parser.error(f"no such target; there are: {', '.join(TARGETS)}")
    found = 0
    args.results.parent.mkdir(parents=True, exist_ok=True)
    for name in chosen if args.seconds else []:
        result = fuzz(name, args.test, args.seconds, args.seed, args.results.parent)
        found += result["findings"]
        with args.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
        print(row([result]), flush=True)
    if args.write:
        rows = [json.loads(line) for line in args.results.read_text(encoding="utf-8").splitlines()]
        write_document(rows)
    return int(found > 0)


def fuzz(target: str, test: str, seconds: float, seed: int, folder: Path) -> dict[str, Any]:
    """Run one target's tests; what they print is kept beside the results."""
    log = folder / f"fuzz-{target.removeprefix('tests/').replace('/', '-')}.log"
    counts = log.with_suffix(".counts")
    counts.unlink(missing_ok=True)
    variables = {
        "EMMA_FUZZ_SECONDS": str(seconds),
        "EMMA_FUZZ_SEED": str(seed),
        "EMMA_FUZZ_COUNTS": str(counts.resolve()),
    }
    with log.open("wb") as file:
        code = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", test, target],
            cwd=ROOT, env={**os.environ, **variables}, stdout=file, stderr=subprocess.STDOUT, check=False,
        ).returncode  # fmt: skip
    if code not in (0, 1):
        raise SystemExit(f"{target}: pytest ended with {code}; see {log}")
    rows = [json.loads(line) for line in counts.read_text().splitlines()] if counts.exists() else []
    text = log.read_text(encoding="utf-8", errors="replace")
    return {
        "target": target,
        "seconds": round(sum(one["seconds"] for one in rows)),
        "cpu_seconds": round(sum(one["cpu_seconds"] for one in rows)),
        "examples": sum(one["examples"] for one in rows),
        "seeds": [seed, max((one["seeds"][1] for one in rows), default=seed)],
        "findings": max(text.count("\nFAILED "), int(code != 0)),
    }


def row(results: Sequence[Mapping[str, Any]]) -> str:
    """A line of the table, from all runs of one target."""
    target = results[0]["target"]
    seconds, computed, examples = (sum(one[key] for one in results) for key in ("seconds", "cpu_seconds", "examples"))
    seeds = ", ".join(f"{first:,} to {last:,}" for first, last in (one["seeds"] for one in results))
    cells = [TARGETS[target], f"`{target}`", f"{seconds:,} s", f"{computed:,} s"]
    return f"| {' | '.join([*cells, f'{examples:,}', seeds, findings(results)])} |"


def findings(results: Sequence[Mapping[str, Any]]) -> str:
    """How many there were, and how many examples have come since the last of them was mended."""
    found = [number for number, one in enumerate(results) if one["findings"]]
    if not found:
        return "none"
    count = sum(results[number]["findings"] for number in found)
    since = sum(one["examples"] for one in results[found[-1] + 1 :])
    return f"{count}, mended; none in {since:,} examples since" if since else str(count)


def write_document(results: Sequence[Mapping[str, Any]]) -> None:
    """Put the table between its marks."""
    lines = [
        "| what is given | test | time | of a core | examples | seeds | findings |",
        "|---|---|---:|---:|---:|---|---|",
    ]
    of = {name: [one for one in results if one["target"] == name] for name in TARGETS}
    lines += [row(own) for own in of.values() if own]
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    DOCUMENT.write_text(f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
