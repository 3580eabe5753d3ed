"""From a Sample to the Requests a model answers: option layout, suffix, CLIP instruction.

The message is what the evaluation scripts of LLaVA-1.5 and EMMA put into the model's conversation template;
`tests/prompts/test_recorded.py` compares it with prompts recorded from the reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from emma_eval.images.sources import UnpaddedImage
from emma_eval.prompts.image_placement import in_place, markers, pasted, side_by_side
from emma_eval.types import IMAGE_MARKER, ImageSource, Request, Sample
from emma_eval.utils.text import replace_surrogates

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig
    from emma_eval.tasks.sections import InstructionPolicy, PromptConfig

_NO_CHOICES: Mapping[str, str] = {}


def message_of(question: str, suffix: str | None, images: int = 0) -> str:
    """The message: one image marker a line, the question, the suffix on lines of its own.

    `question` holds options and hint already, and image markers where it points at images itself.
    """
    message = markers(images) + question
    return message + "\n" + suffix.removeprefix("\n") if suffix else message


def instruction_of(question: str, policy: InstructionPolicy) -> str:
    """What EMMA's CLIP text encoder reads: the question's first line, or all of it.

    `question` is the text before image marker and suffix are added. EMMA's scripts split at the first newline; its
    MM-Vet script alone gives everything.
    """
    return question.split("\n", 1)[0] if policy == "first_line" else question


def build_requests(task: TaskConfig, samples: Iterable[Sample]) -> Iterator[Request]:
    """One request a sample, or one per rotation of the options for a circular task (pass_index 0, 1, ...).

    Half a surrogate pair, which no tokenizer takes, becomes U+FFFD.
    """
    prompt = task.prompt
    for sample in samples:
        for pass_index, choices in enumerate(shown_choices(task, sample)):
            question, message, images = _compose(prompt, sample, choices)
            yield Request(
                sample_id=sample.id,
                pass_index=pass_index,
                message=replace_surrogates(message_of(message, _suffix(prompt, choices))),
                instruction=replace_surrogates(instruction_of(question, prompt.instruction)),
                images=tuple(map(UnpaddedImage, images)) if prompt.padding == "none" else images,
                max_new_tokens=task.generation.max_new_tokens,
            )


def _compose(
    prompt: PromptConfig, sample: Sample, choices: Mapping[str, str]
) -> tuple[str, str, tuple[ImageSource, ...]]:
    """(question for CLIP, message with image markers, images in the markers' order); see ImagePlaces."""
    if prompt.images == "side_by_side":
        sample = replace(sample, images=side_by_side(sample.images))
    elif prompt.images == "side_by_side_in_text":
        sample, choices = pasted(sample, choices)
    question = lay_out(prompt, sample, choices)
    if prompt.images in ("none", "side_by_side_in_text"):  # the text alone says whether the script sends an image
        return question, question, sample.images if IMAGE_MARKER in question else ()
    if prompt.images == "in_place":
        return question, *in_place(question, sample.images)
    return question, markers(len(sample.images)) + question, sample.images


def _suffix(prompt: PromptConfig, choices: Mapping[str, str]) -> str:
    if prompt.open_suffix is not None and not choices:
        return prompt.open_suffix
    return prompt.suffix.replace("{letters}", ", ".join(choices))


def lay_out(prompt: PromptConfig, sample: Sample, choices: Mapping[str, str]) -> str:
    """Hint, question and options as one text, before image marker and suffix are added."""
    question = prompt.question or sample.question
    if prompt.remove:
        question = question.replace(prompt.remove, "").strip()
    if prompt.capitalize:
        question = question.capitalize()
    if choices:
        options = [_option(prompt.option, letter, text) for letter, text in choices.items()]
        question += "".join([prompt.before_options, *options])
    if sample.hint or prompt.empty_hint:
        before, after = (layout.replace("{hint}", sample.hint) for layout in prompt.hints)
        question = before + question + after
    return tidied(question) if prompt.tidy else question


def tidied(text: str) -> str:
    """The text as LLaVA's ScienceQA has it: its question file makes one blank of two, its script takes markers out."""
    return text.replace("  ", " ").strip().replace(IMAGE_MARKER, "").strip()


def _option(layout: str, letter: str, text: str) -> str:
    return layout.replace("{letter}", letter).replace("{text}", text)


def shown_choices(task: TaskConfig, sample: Sample) -> Iterator[Mapping[str, str]]:
    """Letter -> text of the options that each pass shows."""
    for choices in passes(sample, task.circular):
        yield dict(islice(choices.items(), task.prompt.most_options))


def passes(sample: Sample, circular: bool) -> Iterable[Mapping[str, str]]:
    """Letter -> text for each pass. A circular sample may bring its own passes, as MMBench's file has them."""
    options = sample.options
    if not circular:
        return [_lettered(options)]
    if "passes" in sample.meta:
        return [choices for choices, _ in sample.meta["passes"]]
    return [_lettered(options[shift:] + options[:shift]) for shift in range(len(options))]


def _lettered(options: tuple[str, ...]) -> Mapping[str, str]:
    return {chr(ord("A") + index): text for index, text in enumerate(options)} if options else _NO_CHOICES
