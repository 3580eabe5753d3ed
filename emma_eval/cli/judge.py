"""`judge TASK RUN`: have a judge model score what only a judge can, with the benchmark's official prompt."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emma_eval.cli.arguments import add_model_options, add_task_options, named_options
from emma_eval.errors import UserError
from emma_eval.utils.text import pluralize

if TYPE_CHECKING:
    from emma_eval.inference.server import ServerEngine
    from emma_eval.judges.mmvet import JudgedQuestion, JudgedScore
    from emma_eval.judges.verdicts import Verdict

TASKS = ("mmvet",)
QUESTIONS = "mm-vet/mm-vet.json"  # below --data: the official file, which has answers and capabilities
EVERY = 20  # verdicts between two lines

EPILOG = """\
examples:
  emma-eval judge mmvet runs/emma-7b --judge openai:gpt-4-0613 --base-url https://api.openai.com/v1 --data /data/eval

Every verdict is recorded in RUN/judged as it comes, and asked for once; the same command goes on where it stopped. The
scores are the judge's: those of another judge stand in files of their own, and the two do not compare."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    parser.add_argument("task", metavar="TASK", choices=TASKS, help=", ".join(TASKS))
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a run")
    parser.add_argument("--judge", required=True, metavar="openai:NAME", help="the model that judges")
    parser.add_argument("--answer-key", metavar="KEY", help="the answers' key, where several may hold them")
    add_model_options(parser)
    add_task_options(parser, data="folder of the official data files")


def run(args: argparse.Namespace) -> int:
    """Judge what is not judged, and print the scores; 1 if a verdict is missing. Raises UserError."""
    from emma_eval.inference.server import ServerEngine
    from emma_eval.judges.mmvet import mean_scores
    from emma_eval.judges.verdicts import Judge, judge_answers
    from emma_eval.models import find_model
    from emma_eval.models.base import ModelSpec
    from emma_eval.results.lock import lock_run_folder
    from emma_eval.servers.client import ServerClient
    from emma_eval.types import ServerStats
    from emma_eval.utils.text import slug

    handle = find_model(ModelSpec(args.judge, options=named_options(args)))
    engine = handle.load() if handle.is_remote else None
    if not isinstance(engine, ServerEngine):
        raise UserError(f"--judge {args.judge}: openai:NAME is expected, a model behind a server")
    pairs = _answered_questions(args)
    folder = args.run / "judged"
    folder.mkdir(exist_ok=True)
    stem = f"{args.task}-{slug(engine.settings.model)}-{handle.fingerprint()[:8]}"
    stats = ServerStats()
    fields = {name: value for name, value in engine.settings.fields.items() if name not in ("temperature", "seed")}
    judge = Judge(
        ServerClient(engine.endpoint, engine.policy, stats),
        {"model": engine.settings.model, **fields},
        engine.settings.max_tokens_field,
        sends_temperature="temperature" in engine.settings.fields,
    )

    def report(done: int) -> None:
        if done % EVERY == 0 or done == len(pairs):
            print(f"{args.task} judged {done}/{len(pairs)}", file=sys.stderr)

    with lock_run_folder(folder):
        verdicts, failures = judge_answers(judge, pairs, folder / f"{stem}.jsonl", report)
    print(stats if stats.attempts else "everything is judged already", file=sys.stderr)
    for key, reason in failures.items():
        print(f"{args.task}: {key} has no verdict: {reason}")
    if failures:
        print(f"no scores: {pluralize(len(failures), 'verdict')} missing; the same command asks for them again")
        return 1
    questions = {question.id: question for question, _ in pairs}
    scores = mean_scores(questions, {key: verdict.score for key, verdict in verdicts.items()})
    _write(folder / f"{stem}.json", engine, scores, list(verdicts.values()))
    _print(args.task, engine.settings.model, scores)
    print(f"verdicts: {folder / stem}.jsonl")
    return 0


def _answered_questions(args: argparse.Namespace) -> list[tuple[JudgedQuestion, str]]:
    """The official questions with the run's answers, all of which the official tool needs. Raises UserError."""
    from emma_eval.data.loading import load_samples
    from emma_eval.judges.mmvet import official_id, read_questions
    from emma_eval.predictions import read_predictions
    from emma_eval.tasks.loading import load_task
    from emma_eval.utils.files import find_file

    if not args.run.is_dir():
        raise UserError(f"{args.run} is no run folder")
    official = find_file(args.data / QUESTIONS) if args.data else None
    if official is None:
        raise UserError(f"the judge compares with the official {QUESTIONS} below --data ROOT, which is not there")
    questions = read_questions(official)
    task = load_task(args.task)
    samples = load_samples(task, args.data, allow_partial=True)
    path = args.run / "responses" / f"{task.name}.jsonl"
    predictions = read_predictions(path, samples, task, answer_key=args.answer_key)
    answers = {official_id(sample_id): answer.text for (sample_id, _), answer in predictions.answers.items()}
    missing = [key for key in questions if key not in answers]
    if missing:
        raise UserError(
            f"{len(missing):,} of {len(questions):,} questions have no answer, the first is {missing[0]}; run the task "
            "to its end before it is judged"
        )
    return [(question, answers[key]) for key, question in questions.items()]


def _write(path: Path, engine: ServerEngine, scores: list[JudgedScore], verdicts: list[Verdict]) -> None:
    """The scores with all that they depend on."""
    import hashlib

    from emma_eval.judges.mmvet import INTRODUCTION, parse_score
    from emma_eval.utils.files import write_atomic

    content: dict[str, Any] = {
        "judge": engine.settings.model,
        "host": engine.endpoint.host,
        "judge_as_the_server_names_it": sorted({verdict.judge for verdict in verdicts}),
        "prompt": hashlib.sha256(INTRODUCTION.encode()).hexdigest(),
        "unparsed": sum(parse_score(verdict.replies[-1]) is None for verdict in verdicts),
        "scores": [asdict(score) for score in scores],
    }
    write_atomic(path, json.dumps(content, indent=2) + "\n")


def _print(task: str, judge: str, scores: list[JudgedScore]) -> None:
    from tabulate import tabulate

    print(f"{task}, judged by {judge}; not comparable with scores of another judge")
    rows = [(score.group, score.name, f"{score.value:.1f}", score.n) for score in scores]
    print(tabulate(rows, ("", "", "score", "questions"), tablefmt="plain", disable_numparse=True))
