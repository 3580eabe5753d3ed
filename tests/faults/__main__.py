"""`python -m tests.faults`: see `--help`."""

from __future__ import annotations

import argparse
import fnmatch
import shutil
import sys
from pathlib import Path

from tests.faults.cases import all_cases, chosen_for_ci
from tests.faults.document import write_table
from tests.faults.engines import NAMES, PYTHONS
from tests.faults.results import Results
from tests.faults.running import run_cases

RESULTS = Path(".work/faults.jsonl")


def main() -> int:
    """Run the cases that have no result yet; 1 if one has failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="PATTERN", help="cases by name, such as 'disk-full/*' (all)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and of the bytes damaged (%(default)s)")
    parser.add_argument("--short", action="store_true", help="the few that CI runs")
    parser.add_argument("--list", action="store_true", help="list the cases")
    parser.add_argument("--results", type=Path, default=RESULTS, help="results; goes on from there (%(default)s)")
    parser.add_argument("--again", action="store_true", help="run the cases again that have passed")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the folders of failed cases here")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table of all results into this document")
    for package, name in NAMES.items():
        parser.add_argument(f"--{package}-python", metavar="FILE", help=f"of an environment with {name} (this one's)")
    args = parser.parse_args()
    given = {package: getattr(args, f"{package}_python") for package in NAMES}
    PYTHONS.update({package: python for package, python in given.items() if python})
    if absent := [python for python in PYTHONS.values() if not shutil.which(python)]:
        parser.error(f"{absent[0]} is no program")
    cases = [
        case
        for case in (chosen_for_ci() if args.short else all_cases())
        if not args.cases or any(fnmatch.fnmatch(case.label, pattern) for pattern in args.cases)
    ]
    if not cases:
        parser.error("no case has such a name; --list shows all")
    if args.list:
        print(*(case.label for case in cases), sep="\n")
        return 0
    results = Results(args.results, args.seed)
    failed = run_cases(cases, results, args.seed, again=args.again, keep=args.keep)
    if args.write:
        write_table(args.write, all_cases(), results)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
