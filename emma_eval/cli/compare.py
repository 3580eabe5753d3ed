"""`compare RUN_A RUN_B`: tests task by task whether the second run is better than the first, on the same samples."""

from __future__ import annotations

import argparse
from pathlib import Path

from emma_eval.cli.arguments import positive, require_place

EPILOG = """\
examples:
  emma-eval compare results/runs/llava-mini-* results/runs/emma-mini-*
  emma-eval compare A B --task gqa --flips 20 --json comparison.json

Positive differences mean that RUN_B is higher. p is from McNemar's exact test for right/wrong scores of independent
samples, else from a paired bootstrap over images (image pairs, questions); `p, Holm` is corrected for the
number of tasks. A run is given by its folder, or by the file of a baseline."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    add = parser.add_argument
    add("first", type=Path, metavar="RUN_A", help="the run compared with")
    add("second", type=Path, metavar="RUN_B", help="the run that may be better")
    add("--task", "-t", action="append", default=[], metavar="T", help="only this task; may be repeated")
    add("--intersect", action="store_true", help="where samples, splits or protocols differ, compare shared samples")
    add("--flips", type=positive, metavar="N", help="list up to N samples won and N lost for each task")
    add("--noise", type=Path, metavar="FILE", help="what the command noise wrote: named in the last sentence")
    add("--json", type=Path, metavar="OUT", help="write every metric and every flipped sample to this file")


def run(args: argparse.Namespace) -> int:
    """Print the comparison. Raises UserError for runs that can't be compared."""
    import json

    from emma_eval.api.comparison import compare
    from emma_eval.reports.comparison import as_json, flip_lines
    from emma_eval.utils.files import write_atomic
    from emma_eval.utils.terminal import paragraph, terminal_width

    require_place("--json", args.json)
    comparison = compare(args.first, args.second, args.task, intersect=args.intersect, noise=args.noise)
    if args.json:
        content = as_json(comparison.tasks, comparison.p_holm, comparison.names)
        write_atomic(args.json, json.dumps(content, ensure_ascii=False, indent=1) + "\n")
    width = terminal_width()
    print(*comparison.lines(width), sep="\n")
    for line in (line for task in comparison.tasks if args.flips for line in flip_lines(task, args.flips)):
        print(*paragraph(line, width, rest="    "), sep="\n")
    print(*paragraph(comparison.sentence, width), sep="\n")
    return 0
