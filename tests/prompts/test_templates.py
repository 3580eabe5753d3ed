"""Conversation templates: their texts, and who decides which one is used."""

from __future__ import annotations

import pytest

from emma_eval.models.checkpoints.templates import TEMPLATES, choose_template, render_prompt

QUESTION = "<image>\nIs it day?"
HUMAN = (
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions."
)
SYSTEM = (
    "You are a helpful language and vision assistant. You are able to understand the visual content that the user "
    "provides, and assist the user with a variety of tasks using natural language."
)
PROMPTS = {
    "vicuna_v1": f"{HUMAN.replace('human', 'user')} USER: {QUESTION} ASSISTANT:",
    "llava_v1": f"{HUMAN} USER: {QUESTION} ASSISTANT:",
    "llava_v0": f"{HUMAN}###Human: {QUESTION}###Assistant:",
    "llava_llama_2": f"[INST] <<SYS>>\n{SYSTEM}\n<</SYS>>\n\n{QUESTION} [/INST]",
    "mistral_instruct": f"[INST] {QUESTION} [/INST]",
    "plain": f"{QUESTION}\n",
    "llava_hf": f"USER: {QUESTION} ASSISTANT:",
    "mplug_owl2": f"USER: {QUESTION} ASSISTANT:",
    "mplug_owl2_evaluation": f"USER: {QUESTION} ASSISTANT: ",
}
WITH_NOTHING_TO_SAY = {
    "vicuna_v1": "USER:ASSISTANT:",
    "llava_v1": "USER:ASSISTANT:",
    "llava_v0": "###Human:Assistant:",
    "llava_llama_2": "<</SYS>>\n\n [/INST]",
    "mistral_instruct": "[INST][/INST]",
    "plain": "",
    "llava_hf": "USER:ASSISTANT:",
    "mplug_owl2": "USER:ASSISTANT:",
    "mplug_owl2_evaluation": "USER:ASSISTANT: ",
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_prompt_is_the_message_in_the_models_template(name: str) -> None:
    assert render_prompt(QUESTION, name) == PROMPTS[name]
    assert render_prompt("", name).endswith(WITH_NOTHING_TO_SAY[name])
    assert "{message}" not in render_prompt("", name)


def test_the_user_decides_then_the_model_type_then_the_default() -> None:
    assert choose_template("plain", "llava_mistral").name == "plain"
    assert choose_template(None, "llava_mistral").name == "mistral_instruct"
    assert choose_template(None, "mplug_owl2").name == "mplug_owl2_evaluation"
    assert choose_template(None, "llava_llama").name == choose_template(None, None).name == "vicuna_v1"
