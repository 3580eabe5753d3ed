"""`explain TASK`: how a task is asked, how each protocol scores it, and what published numbers used, in words."""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from emma_eval.cli.arguments import add_task_options
from emma_eval.utils.terminal import paragraph, quoted, terminal_width

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig
    from emma_eval.tasks.sections import PromptConfig, ScorerConfig
    from emma_eval.types import Request, Sample

PROMPT_INDENT = "      "
IMAGES = {
    "first": "Its images come before the question",
    "inline": "Its images stand where question and options point at them; those not pointed at come first.",
    "pointed": "Its images stand where question and options point at them, again at each pointer; others are not sent.",
    "concatenated": "Its images are pasted into one, from left to right, as EMMA's scripts do.",
    "concatenated_inline": "Its images are pasted into one, which is sent where the question points at one.",
    "none": "The model sees no image, unless the question holds a marker for one.",
}
INSTRUCTION = {
    "first_line": "EMMA's CLIP text encoder reads the first line of the question.",
    "full": "EMMA's CLIP text encoder reads the whole question.",
}
_RAISES = re.compile(r"Raises? UserError[^.]*\.")  # in a docstring: for who calls the scorer
EPILOG = """\
examples:
  emma-eval explain mmmu_pasted
  emma-eval explain pope --data /data/benchmarks      with the first question of the data"""


class Verbatim(NamedTuple):
    """Lines that are printed as they are, between paragraphs."""

    lines: list[str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare task and data root."""
    parser.epilog = EPILOG
    parser.add_argument("task", metavar="TASK", help="a task's name; `emma-eval list` has them")
    add_task_options(parser, data="folder of the official files, for a real example")


def run(args: argparse.Namespace) -> int:
    """Print the explanation. Raises UserError for an unknown task, or data that are asked for and missing."""
    from emma_eval.reports.published import load_published
    from emma_eval.reports.published_lines import published_lines
    from emma_eval.tasks.loading import load_task

    task, width = load_task(args.task), terminal_width()
    print(*paragraph(f"{task.name}: {task.title}", width), sep="\n")
    origin = f"; official files: {task.homepage}" if task.homepage else ""
    facts = f"benchmark {task.benchmark}, split {task.split}, {task.expected.in_words} samples{origin}"
    print(*paragraph(facts, width), sep="\n")
    _print("How it is asked", _prompting(task, args.data), width)
    _print("How it is scored", _scoring(task), width)
    print(
        "\nWhat the published numbers used", *published_lines(task.benchmark, load_published(), width - 2), sep="\n  "
    )
    return 0


def _print(head: str, texts: Iterator[str | Verbatim], width: int) -> None:
    """A heading with paragraphs below it, and texts as they are."""
    print(f"\n{head}")
    for text in texts:
        print(*(text.lines if isinstance(text, Verbatim) else paragraph(text, width, "  ")), sep="\n")


def _prompting(task: TaskConfig, data: Path | None) -> Iterator[str | Verbatim]:
    """How the task is asked, with the prompt of an example, in each of its wordings."""
    from emma_eval.prompts.building import build_requests
    from emma_eval.tasks.wording import describe_wording

    yield " ".join(_prompt_in_words(task))
    sample, origin = _example(task, data)
    requests = list(build_requests(task, [sample]))
    which = f" of the first of {len(requests)} passes" if len(requests) > 1 else ""
    yield f"Example ({origin}), the whole prompt{which}:"
    yield _prompt_lines(requests[0], task.own_wording)
    yield "CLIP instruction:"
    yield Verbatim(quoted(requests[0].instruction, PROMPT_INDENT))
    if task.wordings:
        yield f"This is {describe_wording(task, task.own_wording)}. Models of other families are asked otherwise:"
    for family in task.wordings:
        worded = task.with_wording(family)
        yield f"{family}, in {describe_wording(task, family)}: " + " ".join(_prompt_in_words(worded))
        yield _prompt_lines(next(build_requests(worded, [sample])), family)


def _prompt_lines(request: Request, family: str) -> Verbatim:
    """The whole prompt as models of the family read it."""
    from emma_eval.models.checkpoints.templates import render_for_family

    return Verbatim(quoted(request.prompt(lambda message: render_for_family(message, family)), PROMPT_INDENT))


def _prompt_in_words(task: TaskConfig) -> Iterator[str]:
    prompt = task.prompt
    yield IMAGES[prompt.images] + (_after_images(prompt.image_separator) if prompt.images == "first" else "")
    yield from _question_in_words(prompt)
    if prompt.padding == "none":
        yield "Its images are not padded to a square, whatever the model's configuration says."
    if prompt.suffix:
        after = "" if prompt.suffix_separator == "\n" else f", after {prompt.suffix_separator!r},"
        yield f"At the end{after} stands {prompt.suffix!r}" + (
            "." if prompt.open_ended_suffix is None else f"; of open questions {prompt.open_ended_suffix!r}."
        )
    if task.circular:
        yield "It is asked once per rotation of the options."
    yield INSTRUCTION[prompt.instruction]
    least = f"at least {task.generation.min_new_tokens}, " if task.generation.min_new_tokens else ""
    yield f"Answers are decoded greedily, {least}up to {task.generation.max_new_tokens} new tokens."


def _question_in_words(prompt: PromptConfig) -> Iterator[str]:
    if prompt.question:
        yield "Every sample is asked the same question."
    if prompt.strip_text:
        blanks = ", the blanks around it are not" if prompt.keep_blanks else ""
        yield f"{prompt.strip_text!r} is removed from the question{blanks}."
    if prompt.capitalize_first:
        yield "The question's first letter becomes upper case, all others lower case."
    if prompt.hint:
        yield "A hint, where there is one, comes before the question."
    if prompt.hint_suffix:
        yield "A hint comes after it." if prompt.include_empty_hint else "A hint, where there is one, comes after it."
    if prompt.missing_hint:
        yield f"In place of a missing hint stands {prompt.missing_hint!r}."
    if prompt.options_prefix:
        yield f"Before the options stands {prompt.options_prefix!r}."
    if prompt.option:
        yield f"Each option follows as {prompt.option!r}."
    if prompt.max_options:
        yield f"At most the first {prompt.max_options} options are shown."
    if prompt.collapse_spaces:
        yield "Two blanks become one, and markers and blanks at the ends of the text are removed."


def _after_images(separator: str) -> str:
    if separator == "\n":
        return ", one a line."
    return f", each with {separator!r} behind it." if separator else ", with nothing between."


def _example(task: TaskConfig, data: Path | None) -> tuple[Sample, str]:
    """The task's first sample, or an invented one where no data are given; and which of the two it is."""
    from emma_eval.data.loading import load_samples
    from emma_eval.images.sources import ImageFile
    from emma_eval.types import Sample

    if data is not None or task.suite is not None:
        return load_samples(task, data, limit=1)[0], "the first sample"
    several = task.prompt.images in ("inline", "concatenated", "concatenated_inline")
    pointers = ("<image 1>", "<image 2>") if task.prompt.images == "inline" else ("<image>", "<image>")
    question = "Which is larger, {} or {}?".format(*pointers) if several else "What color is the bus?"
    images = tuple(ImageFile(Path(), f"{name}.jpg") for name in "ab"[: 1 + several])
    options = ("red", "green", "blue") if task.prompt.option else ()
    hint = "a hint" if task.prompt.hint or task.prompt.hint_suffix else ""
    return Sample("1", question, images, ("A",), options, hint), "an invented question"


def _scoring(task: TaskConfig) -> Iterator[str | Verbatim]:
    """How each protocol scores it; a scorer is explained once."""
    yield f"The primary metric is {task.metric}."
    explained: dict[str, str] = {}
    for name, config in task.protocols.items():
        default = " (the default)" if name == task.protocol else ""
        metric = f", primary metric {config.metric}" if config.metric else ""
        options = "".join(f", {key}: {value}" for key, value in config.options.items()) + metric
        same = f"; as {explained[config.scorer]}, but for that" if config.scorer in explained else ""
        yield f"protocol {name}{default}: scorer {config.scorer}{options}{same}"
        if not same:
            yield Verbatim(_scorer_in_words(config))
        explained.setdefault(config.scorer, name)
    if task.judge is not None:
        from emma_eval.registry import look_up

        judge = look_up("judges", task.judge.format)
        yield f"by a judge model: judge {task.name} RUN --judge openai:NAME --base-url URL"
        source = f"Source: {judge.source}; the judge that it asks by default is {judge.judge}."
        yield Verbatim(_in_words(inspect.getdoc(inspect.getmodule(judge.requests)) or "", source))


def _scorer_in_words(config: ScorerConfig) -> list[str]:
    """The docstrings of the scorer's module and function, without the fields that they read of a sample."""
    from emma_eval.registry import entries

    module, function = entries("scorers")[config.scorer].split(":")
    scorer = importlib.import_module(module)
    return _in_words(inspect.getdoc(scorer) or "", inspect.getdoc(getattr(scorer, function)) or "")


def _in_words(*texts: str) -> list[str]:
    """Docstrings as lines for a terminal."""
    paragraphs = [part for text in texts for part in re.split(r"\n\s*\n", text)]
    kept = (_RAISES.sub("", text).replace("`", "") for text in paragraphs if not text.startswith("Reads of"))
    return [line for text in kept for line in paragraph(text, terminal_width(), PROMPT_INDENT)]
