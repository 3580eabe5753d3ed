"""What an option of `--model-option` changes: conversation template and sliding window."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emma_eval.errors import UserError
from emma_eval.models import find_model, load_model
from emma_eval.models.base import ModelSpec
from tests.tiny_checkpoint import LLAVA

MISTRAL = {"model_type": "llava_mistral", "architectures": ["LlavaMistralForCausalLM"]}


def write(root: Path, **settings: object) -> Path:
    """A tiny plain LLaVA whose config.json has other settings."""
    path = LLAVA.write(root) / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    return path.parent


def fingerprint(folder: Path, **options: str) -> str:
    return find_model(ModelSpec(str(folder), options=options)).fingerprint()


def test_an_unknown_template_is_one_line_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match=r"template=llava_v2: no such conversation template; did you mean 'llava_v\d'"):
        load_model("llava-mini", options={"template": "llava_v2"})


def test_the_run_says_which_template_is_used_and_why(tmp_path: Path) -> None:
    folder = LLAVA.write(tmp_path)
    model = load_model(str(folder), options={"template": "llava_v0"})
    assert model.template == "llava_v0"
    assert model.summary.endswith("; conversation template llava_v0 (--model-option template)")
    assert model.render_prompt("Why?").endswith("###Human: Why?###Assistant:")
    assert load_model(str(folder)).summary.endswith("; conversation template vicuna_v1 (the default)")


def test_another_template_is_another_model_for_a_run_that_continues(tmp_path: Path) -> None:
    folder = LLAVA.write(tmp_path)
    same = fingerprint(folder, template="vicuna_v1")
    assert fingerprint(folder) == same != fingerprint(folder, template="llava_v1")


def test_a_window_is_an_option_of_models_that_have_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no such option"):
        load_model(str(LLAVA.write(tmp_path / "llama")), options={"sliding_window": "paper"})
    folder = write(tmp_path / "mistral", **MISTRAL, sliding_window=7)
    with pytest.raises(UserError, match="sliding_window=always: reference or paper is expected"):
        load_model(str(folder), options={"sliding_window": "always"})
    applied = load_model(str(folder), options={"sliding_window": "paper"})
    assert "Mistral of 2 layers" in applied.summary
    assert applied.summary.endswith("sliding window of 7 tokens applied")
    assert applied.model.llama.sliding_window == 7
    assert load_model(str(folder)).model.llama.sliding_window is None
    assert fingerprint(folder) == fingerprint(folder, sliding_window="reference")
    assert fingerprint(folder) != fingerprint(folder, sliding_window="paper")


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ({"architectures": ["LlavaLlamaForCausalLM"]}, "LlavaLlamaForCausalLM' is not supported with model_type"),
        ({"sliding_window": "wide"}, "sliding_window 'wide' must be an integer"),
        ({"sliding_window": 0}, "sliding_window 0 must be a number of 1 or more"),
        ({"attention_bias": True}, "attention_bias True is not supported"),
        ({"image_aspect_ratio": "anyres"}, "image_aspect_ratio 'anyres' is not supported"),
    ],
)
def test_a_mistral_that_is_not_computed_is_refused(setting: dict[str, object], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=complaint):
        load_model(str(write(tmp_path, **(MISTRAL | setting))))
