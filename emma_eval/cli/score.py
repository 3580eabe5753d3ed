"""`score --task T --predictions FILE`: official scores of answers that any program made, without a model or torch."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.cli.arguments import add_task_options, positive, require_place
from emma_eval.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from emma_eval.reports.score_report import ScoreReport

EPILOG = """\
examples:
  emma-eval score --task pope --data /data/benchmarks --predictions answers.jsonl
  emma-eval score --task gqa --file questions=testdev.json --predictions answers.jsonl --json scores.json

answers.jsonl has a line {"question_id": ..., "text": "..."} for each question, and "pass_index" for circular passes;
the official result formats, VLMEvalKit's sheets and lmms-eval's sample files are read too: docs/predictions.md
exit codes: 0 scored, 1 samples that failed, 2 usage error"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    add, path = parser.add_argument, Path
    add("--task", required=True, metavar="T", help="the task whose questions were answered")
    add("--predictions", required=True, type=path, metavar="FILE", help="answers: JSON lines or an official format")
    add("--answer-key", metavar="KEY", help="the key or column of the answers, where several may hold them")
    add("--protocol", metavar="P", help="way of scoring (default: the official one)")
    add("--all", action="store_true", help="print every breakdown too, such as MME's subtasks")
    add("--json", type=path, metavar="OUT", help="write metrics and the score of every sample to this file")
    add("--limit", type=positive, metavar="N", help="score only the first N questions")
    data = add_task_options(parser, data="folder of the official data files, for those not given by --file")
    add = data.add_argument
    add("--file", action="append", default=[], metavar="KEY=PATH", help="a data file of the task; may be repeated")
    add("--allow-partial", action="store_true", help="take incomplete answers or data; a missing answer is wrong")


def run(args: argparse.Namespace) -> int:
    """Score the file, print the metrics, write the JSON. Returns 1 if the file records failed samples, else 0."""
    from emma_eval.reports.score_lines import score_lines
    from emma_eval.utils.terminal import terminal_width

    require_place("--json", args.json)
    report = score(args)
    print(*score_lines(report, terminal_width(), everything=args.all), sep="\n")
    if args.json:
        from emma_eval.utils.files import write_atomic
        from emma_eval.utils.records import to_json

        write_atomic(args.json, to_json(report))
    return 1 if report.counts.failed else 0


def score(args: argparse.Namespace) -> ScoreReport:
    """The scores of the predictions. Raises UserError for anything missing or unreadable."""
    from emma_eval.api.scoring import ScoreOptions, score_answers

    files = parse_file_arguments(args.file)
    options = ScoreOptions(args.data, files, args.protocol, args.answer_key, args.limit, args.allow_partial)
    return score_answers(args.task, args.predictions, options, hashes=args.json is not None)


def parse_file_arguments(pairs: Sequence[str]) -> dict[str, Path]:
    """KEY=PATH arguments as a mapping. Raises UserError for one without the sign."""
    files = {}
    for pair in pairs:
        key, sign, path = pair.partition("=")
        if not (key and sign and path):
            raise UserError(f"--file {pair!r}: KEY=PATH is expected, as in --file questions=questions.json")
        files[key] = Path(path)
    return files
