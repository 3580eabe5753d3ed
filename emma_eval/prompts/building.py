"""Make Requests from a Sample: option layout, suffix, image markers, CLIP instruction.

The message is what the evaluation scripts of LLaVA-1.5 and EMMA put into the model's conversation template;
`tests/prompts/test_recorded.py` compares it with prompts recorded from the reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from emma_eval.images.sources import UnpaddedImage
from emma_eval.prompts.image_placement import (
    concatenate,
    concatenate_inline,
    image_markers,
    place_inline,
    place_pointed,
)
from emma_eval.tasks.circular import Choices, pass_choices
from emma_eval.types import IMAGE_MARKER, ImageSource, Request, Sample
from emma_eval.utils.text import replace_surrogates

if TYPE_CHECKING:
    from emma_eval.tasks.config import TaskConfig
    from emma_eval.tasks.sections import InstructionPolicy, PromptConfig


def build_message(
    question: str, suffix: str | None, images: int = 0, separator: str = "\n", image_separator: str = "\n"
) -> str:
    """The message: one image marker a line, the question, and behind the separator the suffix.

    `question` already includes options and hint, and image markers where it points at images itself.
    """
    message = image_markers(images, image_separator) + question
    return message + separator + suffix.removeprefix("\n") if suffix else message


def instruction_of(question: str, policy: InstructionPolicy) -> str:
    """What EMMA's CLIP text encoder reads: the question's first line, or all of it.

    `question` is the text before image marker and suffix are added. EMMA's scripts split at the first newline; its
    MM-Vet script alone gives everything.
    """
    return question.split("\n", 1)[0] if policy == "first_line" else question


def build_requests(task: TaskConfig, samples: Iterable[Sample]) -> Iterator[Request]:
    """One request per sample, or one per rotation of the options in a circular task (pass_index 0, 1, ...).

    Half a surrogate pair, which no tokenizer takes, becomes U+FFFD.
    """
    prompt = task.prompt
    for sample in samples:
        for pass_index, choices in enumerate(shown_choices(task, sample)):
            question, text, images = place_images(prompt, sample, choices)
            message = build_message(text, _suffix(prompt, choices), separator=prompt.suffix_separator)
            yield Request(
                sample_id=sample.id,
                pass_index=pass_index,
                message=replace_surrogates(message),
                instruction=replace_surrogates(instruction_of(question, prompt.instruction)),
                images=tuple(map(UnpaddedImage, images)) if prompt.padding == "none" else images,
                max_new_tokens=task.generation.max_new_tokens,
                min_new_tokens=task.generation.min_new_tokens,
            )


def place_images(prompt: PromptConfig, sample: Sample, choices: Choices) -> tuple[str, str, tuple[ImageSource, ...]]:
    """(question for CLIP, message with image markers, images in the markers' order); see `ImagePlacement`."""
    if prompt.images == "concatenated":
        sample = replace(sample, images=concatenate(sample.images))
    elif prompt.images == "concatenated_inline":
        sample, choices = concatenate_inline(sample, choices)
    question = format_question(prompt, sample, choices)
    if prompt.images in ("none", "concatenated_inline"):  # the text alone decides whether the script sends an image
        return question, question, sample.images if IMAGE_MARKER in question else ()
    if prompt.images == "pointed":
        return question, *place_pointed(question, sample.images)
    if prompt.images == "inline":
        return question, *place_inline(question, sample.images, prompt.image_separator)
    return question, image_markers(len(sample.images), prompt.image_separator) + question, sample.images


def format_question(prompt: PromptConfig, sample: Sample, choices: Choices) -> str:
    """Hint, question and options as one text, before image marker and suffix are added."""
    question = prompt.question or sample.question
    if prompt.strip_text:
        question = question.replace(prompt.strip_text, "")
        question = question if prompt.keep_blanks else question.strip()
    if prompt.capitalize_first:
        question = question.capitalize()
    if choices:
        options = [_option(prompt.option, letter, text) for letter, text in choices.items()]
        question += "".join([prompt.options_prefix, *options])
    hint = sample.hint or prompt.missing_hint
    if hint or prompt.include_empty_hint:
        before, after = (layout.replace("{hint}", hint) for layout in prompt.hints)
        question = before + question + after
    return collapse_spaces(question) if prompt.collapse_spaces else question


def collapse_spaces(text: str) -> str:
    """The text as LLaVA's ScienceQA has it: its question file makes one blank of two, its script removes markers."""
    return text.replace("  ", " ").strip().replace(IMAGE_MARKER, "").strip()


def shown_choices(task: TaskConfig, sample: Sample) -> Iterator[Choices]:
    """Letter -> text of the options that each pass shows."""
    for choices in pass_choices(sample, task.circular):
        yield dict(islice(choices.items(), task.prompt.max_options))


def _suffix(prompt: PromptConfig, choices: Choices) -> str:
    """The suffix, with the letters of the options shown; an open question, which has none, may have its own."""
    if prompt.open_ended_suffix is not None and not choices:
        return prompt.open_ended_suffix
    return prompt.suffix.replace("{letters}", ", ".join(choices))


def _option(layout: str, letter: str, text: str) -> str:
    return layout.replace("{letter}", letter).replace("{text}", text)
