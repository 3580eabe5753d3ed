"""One device, or all GPUs of a machine; how much a model reads and how much memory there is."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate import dispatch_model

from emma_eval.errors import UserError
from emma_eval.models import find_model, load_model
from emma_eval.models.base import ModelSpec
from emma_eval.models.transformers import placement
from emma_eval.models.transformers.placement import choose_placement, context_length, free_memory, require_on_gpus
from tests import tiny_transformers
from tests.models.transformers.asking import answers


@pytest.mark.parametrize(
    ("gpus", "device", "device_map", "message"),
    [
        (0, None, "auto", "several GPUs, and there are none here; leave it out"),
        (1, None, "auto", "several GPUs, and there is one here; leave it out"),
        (2, "cuda:1", "auto", "takes all GPUs, and --device cuda:1 names one"),
        (2, "cpu", "auto", "takes all GPUs, and --device cpu names one"),
        (2, None, "balanced", "device_map=balanced: auto is expected"),
    ],
)
def test_a_device_map_that_makes_no_sense_is_refused(
    gpus: int, device: str | None, device_map: str, message: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    with pytest.raises(UserError, match=message):
        choose_placement(device, device_map)


def test_a_device_map_is_for_several_gpus_and_accelerate(monkeypatch: Any) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_placement(None, "auto") == choose_placement("auto", "auto") == torch.device("cuda")
    monkeypatch.setattr(placement, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'needs the package accelerate: pip install "emma-eval\[hf\]"'):
        choose_placement(None, "auto")


def test_without_a_device_map_the_device_is_chosen_as_for_all_models() -> None:
    assert choose_placement("cpu", None) == torch.device("cpu")


def test_the_option_is_checked_as_the_model_is_loaded(tmp_path: Path) -> None:
    folder = tiny_transformers.write("llava", tmp_path / "llava")
    with pytest.raises(UserError, match=r"device_map=all: auto is expected"):
        find_model(ModelSpec(f"hf:{folder}", options={"device_map": "all"})).load()


def test_answers_do_not_depend_on_where_they_are_computed(tmp_path: Path) -> None:
    """So a run on two GPUs may be continued on one."""
    folder = tiny_transformers.write("llava", tmp_path / "llava")
    model = find_model(ModelSpec(f"hf:{folder}", options={"device_map": "auto", "chat_template": "mine.jinja"}))
    assert model.deciding_options == {"chat_template": "mine.jinja"}


@pytest.mark.parametrize(
    ("devices", "message"),
    [
        ({"a": 0, "b": "cpu"}, "too large for 2 GPUs: b would lie on the CPU or the disk"),
        ({"a": 0, "b": "cpu", "c": "disk"}, "b and 1 more would lie"),
    ],
)
def test_a_model_that_the_gpus_cannot_hold_is_refused(devices: Any, message: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    require_on_gpus(SimpleNamespace(hf_device_map={"a": 0, "b": 1}))
    with pytest.raises(UserError, match=message):
        require_on_gpus(SimpleNamespace(hf_device_map=devices))


@pytest.mark.parametrize("name", ["llava", "qwen2_5_vl", "idefics3"])
def test_a_model_that_accelerate_has_spread_answers_alike(name: str, tmp_path: Path) -> None:
    """By its hooks, with the language model's weights on the disk: two GPUs are not to be had in a test."""
    model = load_model(f"hf:{tiny_transformers.write(name, tmp_path / name)}", device="cpu")
    expected, _ = answers(model, 8)
    language = "model.text_model" if name == "idefics3" else "model.language_model"
    parts = [f"model.{part}" for part, _ in model.model.model.named_children() if f"model.{part}" != language]
    places = dict.fromkeys([*parts, "lm_head"], "cpu") | {language: "disk"}
    dispatch_model(model.model, places, main_device="cpu", offload_dir=tmp_path / "offload", force_hooks=True)
    assert next(model.model.get_submodule(language).parameters()).is_meta
    assert answers(model, 8)[0] == expected


def test_the_fullest_of_several_gpus_decides_about_batches(monkeypatch: Any) -> None:
    free = {torch.device("cuda", 0): 7, torch.device("cuda", 1): 3, torch.device("cuda", 2): 1}
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free[device], 9))
    weights = [SimpleNamespace(device=torch.device("cuda", number)) for number in (0, 1, 1)]
    assert free_memory(SimpleNamespace(parameters=lambda: weights)) == 3


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"max_position_embeddings": 4096}, 4096),
        ({"max_position_embeddings": 4096, "rope_parameters": {"rope_type": "default", "rope_theta": 1e4}}, 4096),
        ({"max_position_embeddings": 32768, "rope_parameters": {"rope_type": "yarn", "factor": 4.0}}, 131072),
        (  # Llama 3.2 Vision
            {
                "max_position_embeddings": 131072,
                "rope_parameters": {"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 8192},
            },
            131072,
        ),
        (  # Gemma 3
            {
                "max_position_embeddings": 131072,
                "rope_parameters": {
                    "sliding_attention": {"rope_type": "default"},
                    "full_attention": {"rope_type": "linear", "factor": 8.0},
                },
            },
            1048576,
        ),
        ({}, None),
    ],
)
def test_the_context_counts_scaled_rotary_positions(values: dict[str, Any], expected: int | None) -> None:
    assert context_length(SimpleNamespace(**values)) == expected
