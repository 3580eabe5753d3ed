"""`judge TASK RUN`: have a judge model score what only a judge can, with the benchmark's official prompt."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.cli.arguments import add_model_options, add_task_options, named_options, positive
from emma_eval.errors import UserError
from emma_eval.utils.terminal import print_message
from emma_eval.utils.text import pluralize, slug

if TYPE_CHECKING:
    from emma_eval.inference.server import ServerEngine
    from emma_eval.judges.session import CollectedVerdicts, JudgeModel, JudgeSession
    from emma_eval.judges.task_judge import JudgedTask
    from emma_eval.results.scores import TaskScores

EVERY = 20  # verdicts between two lines

EPILOG = """\
examples:
  emma-eval judge mmvet runs/emma-7b --judge openai:gpt-4-0613 --base-url https://api.openai.com/v1 --data /data/eval
  emma-eval judge llava_bench runs/emma-7b --judge openai:gpt-4-0314 --base-url URL --data /data/eval --dry-run

Every verdict is recorded in RUN/judged as it comes, and asked for once; the same command goes on where it stopped. The
scores are the judge's: those of another judge stand in a folder of their own, and the two do not compare. The commands
leaderboard, report, compare and regress take them from RUN. See docs/judges.md"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EPILOG
    parser.add_argument("task", metavar="TASK", help="one that has a judge: mmvet, llava_bench, hallusionbench, ...")
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a finished run")
    parser.add_argument("--judge", required=True, metavar="openai:NAME", help="the model that judges")
    parser.add_argument(
        "--repeats", type=positive, default=1, metavar="N", help="verdicts on each answer, averaged (MM-Vet's paper: 5)"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what it would cost, and ask nothing")
    add_model_options(parser.add_argument_group("how the judge is asked"))
    add_task_options(parser, data="folder of the official data files")


def run(args: argparse.Namespace) -> int:
    """Judge what is not judged, and print the scores; 1 if a verdict is missing. Raises UserError."""
    from emma_eval.judges.scoring import write_judged_scores
    from emma_eval.judges.session import JudgeSession
    from emma_eval.judges.verdicts import VERDICTS_FILE
    from emma_eval.registry import look_up
    from emma_eval.results.judged import HASH_LETTERS, JUDGED_FOLDER
    from emma_eval.results.lock import lock_run_folder
    from emma_eval.runs.judged_task import read_answered_run, read_judged_task
    from emma_eval.tasks.loading import load_task
    from emma_eval.utils.data_roots import require_inside_folder
    from emma_eval.utils.files import make_output_folder

    task = load_task(args.task)
    if task.judge is None:
        raise UserError(f"task {task.name} has no judge; see `explain {task.name}` for how it is scored")
    judge = look_up("judges", task.judge.format)
    if args.repeats > 1 and not judge.takes_repeats:
        raise UserError(f"--repeats: the official tool of {task.name} asks for one verdict on each answer")
    engine, model = _judge_model(args)
    answered = read_answered_run(args.run, task)
    judged = read_judged_task(answered, task, args.data)
    name = f"{task.name}-{slug(model.name)}-{model.fingerprint(judge)[:HASH_LETTERS]}"
    folder = answered.folder / JUDGED_FOLDER / name
    if args.dry_run:
        _print_estimate(JudgeSession(judge, model, folder / VERDICTS_FILE, args.repeats), judged, engine)
        return 0
    require_inside_folder(folder, answered.folder)
    make_output_folder(folder)
    with lock_run_folder(folder, "wait for it"):
        session = JudgeSession(
            judge, model, folder / VERDICTS_FILE, args.repeats
        )  # within the lock: it appends to what it reads
        collected = _collect(session, judged, engine)
        if not collected.failures:
            scores = write_judged_scores(folder, answered, judged, session, collected)
    if collected.failures:
        return _report_failures(task.name, collected)
    _print_scores(scores)
    print(f"verdicts and scores: {folder}")
    print(f"beside other scores: leaderboard {answered.folder}")
    return 0


def _judge_model(args: argparse.Namespace) -> tuple[ServerEngine, JudgeModel]:
    """The model behind its server. Raises UserError for any other model, and for options that change what is asked."""
    from emma_eval.inference.server_loading import request_parameters
    from emma_eval.judges.session import JudgeModel
    from emma_eval.models import find_model
    from emma_eval.models.base import ModelSpec

    if not args.judge.startswith("openai:"):
        raise UserError(f"--judge {args.judge}: openai:NAME is expected, a model behind a server")
    options = named_options(args)
    handle = find_model(ModelSpec(args.judge, options=options))
    engine: ServerEngine = handle.load()
    settings, parameters = engine.settings, request_parameters(options.get("parameters"))
    if official := parameters.keys() & {"temperature", settings.max_tokens_field}:
        name = min(map(str, official))
        raise UserError(f"--model-option parameters: a judge is asked with the official {name}; leave it out")
    deciding = dict(handle.deciding_options or {})
    model = JudgeModel(
        name=settings.model,
        host=deciding.pop("host", engine.endpoint.host),
        options=deciding,
        fields=parameters,
        max_tokens_field=settings.max_tokens_field,
        sends_temperature="temperature" in settings.fields,
    )
    return engine, model


def _collect(session: JudgeSession, task: JudgedTask, engine: ServerEngine) -> CollectedVerdicts:
    """Ask the judge, with a line of progress now and then."""
    from emma_eval.servers.client import ServerClient
    from emma_eval.types import ServerStats

    def report(done: int, wanted: int) -> None:
        if done % EVERY == 0 or done == wanted:
            print_message(f"{task.name} judged {done:,}/{wanted:,}")

    stats = ServerStats()
    collected = session.collect(lambda: ServerClient(engine.endpoint, engine.policy, stats), task, report)
    print_message(str(stats) if stats.attempts else "everything is judged already")
    return collected


def _report_failures(task: str, collected: CollectedVerdicts) -> int:
    for (sample_id, pass_index), reason in collected.failures.items():
        which = f"{sample_id}, pass {pass_index}" if pass_index else sample_id
        _say(f"{task}: {which} has no verdict: {reason}")
    missing = pluralize(len(collected.failures), "verdict")
    _say(f"no scores: {missing} missing; the same command asks for them again")
    return 1


def _print_estimate(session: JudgeSession, task: JudgedTask, engine: ServerEngine) -> None:
    estimate = session.estimate(task)
    cost = engine.policy.cost(estimate.prompt_tokens, 0)
    _say(
        f"{task.name}: {pluralize(estimate.calls, 'call')} to {session.model.name} at {engine.endpoint.base_url}, "
        f"about {estimate.prompt_tokens:,} prompt tokens"
        + (f", which cost {cost:.2f} without the replies" if cost is not None else "")
        + f"; {pluralize(estimate.known, 'verdict')} on record"
    )
    if estimate.calls:
        _say("replies that are not understood, or that decide nothing yet, bring further calls; nothing was asked")


def _print_scores(scores: TaskScores) -> None:
    from emma_eval.reports.score_lines import metric_lines
    from emma_eval.utils.terminal import terminal_width

    _say(f"{scores.name}, {scores.protocol}; not comparable with scores of another judge")
    others = "of breakdowns more are in scores.json"
    print(*metric_lines(scores, terminal_width(), everything=False, others=others), sep="\n")


def _say(text: str) -> None:
    """Print a paragraph that fits the terminal."""
    from emma_eval.utils.terminal import paragraph, terminal_width

    print(*paragraph(text, terminal_width(), rest="    "), sep="\n")
