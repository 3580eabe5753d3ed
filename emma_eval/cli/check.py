"""`check [TASK...] [--data ROOT]`: checks task files, data files, counts, ids and images before a long run."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from emma_eval.cli.arguments import add_task_options, expand_and_tell, require_folder
from emma_eval.errors import MissingToolError, SampleError, UserError
from emma_eval.types import IMAGE_MARKER
from emma_eval.utils.cpu import usable_cpus
from emma_eval.utils.progress_bars import track
from emma_eval.utils.terminal import message_lines
from emma_eval.utils.text import pluralize

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig
    from emma_eval.types import ImageSource, Sample

_MAX_LISTED = 20  # problems of one task
EPILOG = """\
examples:
  emma-eval check                                     the task files, and the data that are shipped
  emma-eval check general pope --data /data/benchmarks    these tasks' data too, every image included"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare tasks and data root."""
    parser.epilog = EPILOG
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="tasks or groups (default: all)")
    add_task_options(parser, data="folder of the official files; else only shipped data are read")


def run(args: argparse.Namespace) -> int:
    """Print a line a task and a summary; 2 when there is a problem. Raises UserError for an unknown task."""
    from emma_eval.tasks.index import task_groups, task_names
    from emma_eval.tasks.loading import renamed_keys

    require_folder("--data", args.data)
    task_groups()
    names = expand_and_tell(args.tasks) if args.tasks else task_names()
    problems = 0
    for name in names:
        try:
            outcomes = [*_check(name, args.data, must_exist=bool(args.tasks)), *map(_note, renamed_keys(name))]
        except ProblemsError as error:
            problems += 1
            outcomes = [f"PROBLEM: {problem}" for problem in error.problems]
        except UserError as error:
            problems += 1
            outcomes = [f"PROBLEM: {str(error).removeprefix(f'task {name}: ')}"]
        for outcome in outcomes:
            print(*message_lines(f"{name}: {outcome}"), sep="\n", flush=True)
    print(f"{pluralize(len(names), 'task')} checked, {pluralize(problems, 'problem') if problems else 'no problems'}")
    return 2 if problems else 0


class ProblemsError(UserError):
    """The problems of one task."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def _note(text: str) -> str:
    return f"note: {text}"


def _check(name: str, data_root: Path | None, must_exist: bool) -> list[str]:
    """The outcome in words, and notes. Raises UserError for problems."""
    from emma_eval.data.loading import read_local_samples
    from emma_eval.data.location import locate_data
    from emma_eval.prompts.question_notes import question_notes
    from emma_eval.registry import require_tools
    from emma_eval.scorers import get_scorer, require_ready
    from emma_eval.tasks.loading import load_task

    task = load_task(name)
    for protocol in task.protocols.values():
        get_scorer(protocol.scorer, **protocol.options)
    if task.files and data_root is None and task.suite is None:
        return ["task file is right (no --data ROOT given: data not checked)"]
    location = locate_data(task, data_root)
    if task.files and not must_exist and not (location.files or location.snapshot):
        return [f"task file is right (none of its data below {data_root})"]
    scoring = task.scorer_config()
    require_tools("scorers", scoring.scorer)
    try:
        samples = read_local_samples(location, need_images=True, allow_partial=True)
    except MissingToolError as error:
        if must_exist:
            raise
        return [f"task file is right ({error})"]
    problems = [*_sample_problems(task, samples), *_image_problems(task, samples)]
    try:
        require_ready(scoring.scorer, scoring.options, samples, task.primary_metric())
    except UserError as error:
        problems.append(str(error).removeprefix(f"task {name}: "))
    if problems:
        more = [f"and {len(problems) - _MAX_LISTED:,} more problems"] if len(problems) > _MAX_LISTED else []
        raise ProblemsError([*problems[:_MAX_LISTED], *more])
    summary = f"ok: {pluralize(len(samples), 'sample')}, {pluralize(len(_images(samples)), 'image')}"
    return [summary, *map(_note, question_notes(task, samples))]


def _sample_problems(task: TaskConfig, samples: Sequence[Sample]) -> Iterator[str]:
    """Problems of the number of samples and of image markers in their prompts; reading them has checked their ids."""
    if not task.expected.allows(len(samples)):
        yield f"{len(samples):,} samples were read, {task.expected.in_words} are expected"
    from emma_eval.prompts.building import build_requests

    for sample in samples:
        for request in build_requests(task, [sample]):
            markers = request.message.count(IMAGE_MARKER)
            if markers != len(request.images):
                marked = pluralize(markers, f"{IMAGE_MARKER} marker")
                yield f"sample {sample.id}: its prompt has {marked} for {pluralize(len(request.images), 'image')}"
                break


def _image_problems(task: TaskConfig, samples: Sequence[Sample]) -> Iterator[str]:
    """Problems of the images, each decoded once, in parallel."""
    images = _images(samples)
    pool = ThreadPoolExecutor(usable_cpus())
    try:
        problems = pool.map(_image_problem, images)
        found = [problem for problem in track(problems, len(images), f"{task.name}: images") if problem]
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C does not wait for a hundred thousand images
    if found:
        yield f"{len(found):,} of {pluralize(len(images), 'image')} cannot be used: {found[0]}"
        yield from found[1:]


def _images(samples: Sequence[Sample]) -> list[ImageSource]:
    return list(dict.fromkeys(image for sample in samples for image in sample.images))


def _image_problem(image: ImageSource) -> str:
    from emma_eval.images.sources import zero_filled

    try:
        image.open()
        return zero_filled(image)
    except SampleError as error:
        return str(error)
