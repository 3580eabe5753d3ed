"""How a context of lmms-eval becomes a message: an image marker for each image before it, or where it has some."""

from __future__ import annotations

from emma_eval.prompts.building import instruction_of
from emma_eval.prompts.image_placement import place_inline
from emma_eval.tasks.sections import PromptConfig
from emma_eval.types import ImageSource
from emma_eval.utils.text import replace_surrogates

OWN_FAMILIES = ("emma", "llava")  # a marker a line, as lmms-eval's own LLaVA-1.5
OWN_PROMPT = PromptConfig(images="inline")
PROMPTS = {"mplug_owl2": PromptConfig(images="inline", image_separator="")}  # by model family, where it differs


def place_images(
    context: str, images: tuple[ImageSource, ...], family: str | None
) -> tuple[str, str, tuple[ImageSource, ...]]:
    """(message, instruction for CLIP, images in the markers' order), as `build_requests` makes them of a Sample."""
    prompt = PROMPTS.get(family or "", OWN_PROMPT)
    message, placed = place_inline(context, images, prompt.image_separator)
    return replace_surrogates(message), replace_surrogates(instruction_of(context, prompt.instruction)), placed
