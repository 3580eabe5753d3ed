"""`show TASK`: one sample as LLaVA-1.5 and EMMA see it: images, prompt, instruction, and the expected answer."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from emma_eval.cli.arguments import add_task_options
from emma_eval.errors import UserError
from emma_eval.utils.terminal import paragraph, quoted, terminal_width

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig
    from emma_eval.types import Request, Sample


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare task, sample and data root."""
    parser.epilog = "examples:\n  emma-eval show mmbench_mini --sample 3\n  emma-eval show pope --data /data/benchmarks"
    parser.add_argument("task", metavar="TASK", help="a task's name; `emma-eval list` has them")
    parser.add_argument("--sample", metavar="N|ID", default="0", help="a sample's id, or its number counted from 0")
    parser.add_argument("--wording", metavar="W", help="as the scripts of this model family ask, of several")
    add_task_options(parser, data="folder of the official files")


def run(args: argparse.Namespace) -> int:
    """Print the sample. Raises UserError for an unknown task or sample, or missing data."""
    from emma_eval.data.loading import load_samples
    from emma_eval.tasks.loading import load_task
    from emma_eval.tasks.wording import describe_wording

    task = load_task(args.task)
    samples = load_samples(task, args.data, allow_partial=True)
    index = _find(samples, args.sample, task.name)
    wording = args.wording or task.own_wording
    worded = task.with_wording(wording)
    if task.wordings:
        others = [name for name in (*task.wording, *task.wordings) if name != wording]
        text = f"wording: {wording} (others: {', '.join(others)}): {describe_wording(task, wording)}"
        print(*paragraph(text, terminal_width(), rest="    "), sep="\n")
    for label, text in _describe(worded, wording, samples[index], f"{index:,} of {len(samples):,}"):
        if "\n" in text:
            print(f"{label}:", *quoted(text), sep="\n")
        else:
            print(*quoted(f"{label}: {text}", ""), sep="\n")
    return 0


def _find(samples: Sequence[Sample], name_or_index: str, task: str) -> int:
    """The index of a sample by its id, or by the index itself. Raises UserError if it is neither."""
    for index, sample in enumerate(samples):
        if sample.id == name_or_index:
            return index
    if name_or_index.isdecimal() and len(name_or_index) < 19 and int(name_or_index) < len(samples):
        return int(name_or_index)
    raise UserError(
        f"task {task} has no sample with the id or number {name_or_index!r:.80}; it has {len(samples):,} samples"
    )


def _describe(task: TaskConfig, wording: str, sample: Sample, position: str) -> list[tuple[str, str]]:
    """(label, text) of all that is shown of a sample; a circular task asks it in several passes."""
    from emma_eval.models.checkpoints.templates import render_for_family
    from emma_eval.prompts.building import build_requests

    requests = list(build_requests(task, [sample]))
    lines = [("task", f"{task.name} ({task.title})"), ("sample", f"{sample.id} ({position})")]
    shares_images = len({request.images for request in requests}) == 1
    lines += _images(requests[0]) if shares_images else []
    for request in requests:
        which = f" of pass {request.pass_index}" if len(requests) > 1 else ""
        lines += [] if shares_images else _images(request, which)
        prompt = request.prompt(lambda message: render_for_family(message, wording))
        lines.append((f"prompt{which}", prompt))
        if request.pass_index == 0:
            lines.append(("instruction", request.instruction))
    lines.append(("new tokens", _limits(requests[0])))
    lines.append(("expected answer", " | ".join(sample.references) or "held back by the benchmark"))
    lines += [("category", sample.category)] if sample.category else []
    return lines


def _limits(request: Request) -> str:
    """The fewest and the most new tokens."""
    least = f"at least {request.min_new_tokens}, " if request.min_new_tokens else ""
    return f"{least}up to {request.max_new_tokens:,}"


def _images(request: Request, which: str = "") -> list[tuple[str, str]]:
    """The images of the request, which need not be all of the sample's."""
    return [(f"image{which}", image.label) for image in request.images] or [(f"image{which}", "none")]
