"""`score --task T --predictions FILE`: official scores of answers that any program made, without a model or torch."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.cli.arguments import add_task_options, positive, require_place
from emma_eval.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from emma_eval.reports.score_report import ScoreReport
    from emma_eval.types import Key, Sample, SampleStatus, Scores

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
    add("--file", action="append", default=[], metavar="KEY=PATH", help="a data file of the task; may be repeated")
    add_task_options(parser, data="folder of the official data files, for those not given by --file")
    add("--all", action="store_true", help="print every breakdown too, such as MME's subtasks")
    add("--json", type=path, metavar="OUT", help="write metrics and the score of every sample to this file")
    add("--limit", type=positive, metavar="N", help="score only the first N questions")
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
    from emma_eval.data.loading import read_samples
    from emma_eval.data.location import locate_data
    from emma_eval.predictions import read_predictions
    from emma_eval.predictions.reading import missing_answers
    from emma_eval.prompts.question_notes import find_release, question_notes
    from emma_eval.reports.score_report import InputFile, ScoreReport
    from emma_eval.results.scores import Counts, MetricRecord
    from emma_eval.scorers import get_scorer
    from emma_eval.tasks.loading import load_task

    task = load_task(args.task)
    config = task.scorer_config(args.protocol)
    scorer = get_scorer(config.scorer, **config.options)
    location = locate_data(task, args.data, parse_file_arguments(args.file))
    partial = args.allow_partial or args.limit is not None
    # All of the data, of which --limit scores a part: rows find their sample among all of them.
    all_samples = read_samples(location, allow_partial=partial)
    predictions = read_predictions(
        args.predictions,
        all_samples,
        task,
        protocol=args.protocol,
        answer_key=args.answer_key,
        ignore_foreign=args.allow_partial,
    )
    samples = all_samples[: args.limit]
    missing = list(missing_answers(samples, task, predictions))
    if missing and not args.allow_partial:
        raise missing_answers_error(args.predictions, missing, samples)
    scores = add_statuses(scorer(samples, predictions.answers), predictions.failed, missing)
    return ScoreReport(
        task=task.name,
        benchmark=task.benchmark,
        split=task.split,
        metric=task.primary_metric(args.protocol),
        protocol=args.protocol or task.protocol,
        release=find_release(task, samples),
        scorer=config.scorer,
        options=config.options,
        complete=not partial,
        predictions=InputFile.of(args.predictions) if args.json else InputFile(name=args.predictions.name, sha256=None),
        data={key: InputFile.of(path) for key, path in location.files.items()} if args.json else {},
        counts=Counts.of(scores.samples),
        metrics=MetricRecord.all_of(scores),
        notes=(*predictions.notes, *question_notes(task, samples, complete=not partial), *scores.notes),
        samples=scores.samples,
    )


def parse_file_arguments(pairs: Sequence[str]) -> dict[str, Path]:
    """KEY=PATH arguments as a mapping. Raises UserError for one without the sign."""
    files = {}
    for pair in pairs:
        key, sign, path = pair.partition("=")
        if not (key and sign and path):
            raise UserError(f"--file {pair!r}: KEY=PATH is expected, as in --file questions=questions.json")
        files[key] = Path(path)
    return files


def add_statuses(scores: Scores, failed: Collection[Key], missing: Collection[Key]) -> Scores:
    """The scores with each sample's status: failed or missing as soon as one of its passes is."""
    statuses: dict[str, SampleStatus] = {sample_id: "missing" for sample_id, _ in missing}
    statuses |= {sample_id: "failed" for sample_id, _ in failed}
    samples = tuple(replace(sample, status=statuses.get(sample.id, "answered")) for sample in scores.samples)
    return replace(scores, samples=samples)


def missing_answers_error(path: Path, missing: Sequence[Key], samples: Sequence[Sample]) -> UserError:
    """The error for a file without an answer to some questions, or to passes of circular ones."""
    questions = len({sample_id for sample_id, _ in missing})
    first, pass_index = missing[0]
    which = f"{first}, pass {pass_index}" if pass_index else first
    passes = f" ({len(missing):,} passes)" if len(missing) > questions else ""
    return UserError(
        f"{path}: {questions:,} of {len(samples):,} questions have no answer{passes}, the first is {which}; "
        "complete the file, or pass --allow-partial to count them as wrong"
    )
