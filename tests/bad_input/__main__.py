"""Examine malformed inputs and print what became of them: `python -m tests.bad_input [TARGET[:NUMBER] ...]`.

TARGET:NUMBER examines one input alone and prints its message or traceback. Exit code 1 where there is a fault.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from tests.bad_input.outcome import FAULTS
from tests.bad_input.registry import NAMES, load_target
from tests.bad_input.table import Row, console_table, row_of, write_document
from tests.bad_input.workers import Result, examine_all


def main(argv: Sequence[str] | None = None) -> int:
    """Examine what was asked for. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bad_input", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("targets", nargs="*", default=list(NAMES), metavar="TARGET", help=", ".join(NAMES))
    parser.add_argument("--share", type=float, default=1.0, metavar="X", help="of each target's inputs (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="other inputs (default: 0)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="processes (default: 2)")
    parser.add_argument("--write", action="store_true", help="write these lines into docs/reliability.md")
    parser.add_argument("--list", action="store_true", help="print every input's outcome and message")
    args = parser.parse_args(argv)
    rows = [_examine(text, args) for text in args.targets]
    print(console_table(rows))
    if args.write:
        write_document(rows, args.seed)
    return int(any(row.faults for row in rows))


def _examine(text: str, args: argparse.Namespace) -> Row:
    name, _, number = text.partition(":")
    if name not in NAMES:
        raise SystemExit(f"unknown target {name!r}; there are: {', '.join(NAMES)}")
    target = load_target(name)
    numbers = [int(number)] if number else list(range(max(1, round(target.count * args.share))))
    began = time.monotonic()
    results = []
    for result in examine_all(name, numbers, args.seed, args.workers):
        results.append(result)
        if args.list or number or result.verdict.outcome in FAULTS:
            print(_line(result), file=sys.stderr, flush=True)
    row = row_of(target, results, time.monotonic() - began)
    print(f"{name}: {row.count:,} inputs, {row.faults} faults, {row.seconds:.0f} s", file=sys.stderr, flush=True)
    return row


def _line(result: Result) -> str:
    detail = result.verdict.detail.strip()
    return f"{result.target}:{result.number} {result.verdict.outcome} ({result.verdict.seconds:.2f} s) {detail}"


if __name__ == "__main__":
    sys.exit(main())
