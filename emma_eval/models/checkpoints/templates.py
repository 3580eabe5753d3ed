"""Conversation templates: the frame that a chat model was trained to read a user's message in. Imports no torch.

A template belongs to the model. A Request holds the message alone, and the model renders its prompt. Names and texts
are those of LLaVA's and mPLUG-Owl2's conversation.py. The begin id is no part of them: the tokenizer adds it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from emma_eval.errors import UserError
from emma_eval.types import IMAGE_MARKER
from emma_eval.utils.text import did_you_mean

_CURIOUS_HUMAN = (
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions."
)
TEMPLATES = {
    "vicuna_v1": (
        "A chat between a curious user and an artificial intelligence assistant. "
        "The assistant gives helpful, detailed, and polite answers to the user's questions. "
        "USER: {message} ASSISTANT:"
    ),
    "llava_v1": _CURIOUS_HUMAN + " USER: {message} ASSISTANT:",
    "llava_v0": _CURIOUS_HUMAN + "###Human: {message}###Assistant:",
    "llava_llama_2": (
        "[INST] <<SYS>>\nYou are a helpful language and vision assistant. "
        "You are able to understand the visual content that the user provides, "
        "and assist the user with a variety of tasks using natural language.\n<</SYS>>\n\n{message} [/INST]"
    ),
    "mistral_instruct": "[INST] {message} [/INST]",
    "plain": "{message}\n",
    "llava_hf": "USER: {message} ASSISTANT:",  # the chat template of transformers' conversions
    "mplug_owl2": "USER: {message} ASSISTANT:",
    "mplug_owl2_evaluation": "USER: {message} ASSISTANT: ",  # of its evaluation scripts: the blank is a token
}
DEFAULT_TEMPLATE = "vicuna_v1"  # of LLaVA-1.5 and EMMA
TEMPLATE_BY_MODEL_TYPE = {"llava_mistral": "mistral_instruct", "mplug_owl2": "mplug_owl2_evaluation"}
IMAGE_MARKERS = {"mplug_owl2": "<|image|>"}  # model family -> what marks an image in its prompts, if not IMAGE_MARKER
IMAGE_SEPARATORS = {"mplug_owl2": ""}  # model family -> what its chat has behind an image, if not a line end
# What of a template an empty message leaves out, as in the reference: `USER:ASSISTANT:` has no blanks either.
LEFT_OUT_WITH_NOTHING_TO_SAY = {"llava_v0": " {message}###", "llava_llama_2": "{message}", "plain": "{message}\n"}


@dataclass(frozen=True, slots=True)
class TemplateChoice:
    """A template and what decided for it."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"conversation template {self.name} ({self.reason})"


def choose_template(option: str | None, model_type: object) -> TemplateChoice:
    """The template of a checkpoint: what the user says, else that of its model_type, else the default.

    Raises UserError if the user's is unknown.
    """
    if option is not None:
        if option not in TEMPLATES:
            raise UserError(
                f"--model-option template={option}: no such conversation template{did_you_mean(option, TEMPLATES)}"
            )
        return TemplateChoice(option, "--model-option template")
    if isinstance(model_type, str) and model_type in TEMPLATE_BY_MODEL_TYPE:
        return TemplateChoice(TEMPLATE_BY_MODEL_TYPE[model_type], f"of model_type {model_type}")
    return TemplateChoice(DEFAULT_TEMPLATE, "the default")


def render_prompt(message: str, template: str = DEFAULT_TEMPLATE) -> str:
    """The prompt that a model reads: the message in a template. Raises UserError for an unknown template."""
    if template not in TEMPLATES:
        raise UserError(f"unknown conversation template {template!r}; known: {', '.join(TEMPLATES)}")
    place = "{message}" if message else LEFT_OUT_WITH_NOTHING_TO_SAY.get(template, " {message} ")
    return TEMPLATES[template].replace(place, message)


def render_for_family(message: str, family: str) -> str:
    """The prompt that models of a family read by default: for prompts that are shown without a model."""
    marker = IMAGE_MARKERS.get(family, IMAGE_MARKER)
    return render_prompt(message.replace(IMAGE_MARKER, marker), TEMPLATE_BY_MODEL_TYPE.get(family, DEFAULT_TEMPLATE))


def template_digest(template: str) -> str:
    """SHA-256 of a template's text, by which a later session notices that it changed; empty for an unknown name."""
    return hashlib.sha256(TEMPLATES[template].encode()).hexdigest() if template in TEMPLATES else ""
