"""From a folder that `save_pretrained` wrote to a model that answers. No code of the folder is run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
import transformers
from transformers import AutoModelForImageTextToText, AutoProcessor, GenerationConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as KNOWN

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.devices import choose_device, choose_dtype, prepare_device
from emma_eval.models.transformers.chat_template import ChatTemplate
from emma_eval.models.transformers.model import TransformersModel
from emma_eval.utils.json_io import read_json_object
from emma_eval.utils.text import error_message, pluralize

SAFE = {"local_files_only": True, "trust_remote_code": False}
ResultT = TypeVar("ResultT")


def load_transformers(
    folder: Path, device: str | None = None, dtype: str | None = None, chat_template: str | None = None
) -> TransformersModel:
    """Load model, processor and chat template; `chat_template` is a text that replaces the folder's own.

    Raises UserError for an unknown model_type, missing or misshapen tensors, no chat template, and for whatever
    transformers refuses.
    """
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    _require_known(folder)
    torch_device = choose_device(device)
    processor = _call(folder, lambda: AutoProcessor.from_pretrained(folder, **SAFE))
    tokenizer = getattr(processor, "tokenizer", None)
    if tokenizer is None:
        raise UserError(f"{folder} has no processor of images and text (processor_config.json, tokenizer.json)")
    template = ChatTemplate(chat_template or _own_template(processor, folder), tokenizer.special_tokens_map)
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model, notes = _load_weights(folder, torch_device, dtype)
    generation = _greedy(model.generation_config, tokenizer)
    if penalty := generation.repetition_penalty not in (None, 1.0) and generation.repetition_penalty:
        notes.append(f"repetition_penalty {penalty} of its generation_config.json")
    origin = "of --model-option chat_template" if chat_template else "its own"
    kind = f"{type(model).__name__} of transformers {transformers.__version__}, chat template {origin}"
    dtype_name = str(model.dtype).removeprefix("torch.")
    summary = "; ".join([f"{kind}, {dtype_name} on {torch_device}", *notes])
    return TransformersModel(model, processor, template, generation, summary)


def _require_known(folder: Path) -> None:
    config = read_json_object(folder / "config.json")
    kind = config["model_type"]
    if kind not in KNOWN:
        raise UserError(
            f"{folder / 'config.json'}: model_type {kind!r:.100} is no image-text-to-text model of transformers "
            f"{transformers.__version__}; code that comes with a checkpoint (auto_map) is not run"
        )
    if config.get("is_encoder_decoder") is True:
        raise UserError(f"{folder / 'config.json'}: encoder-decoder models are not supported")


def _load_weights(folder: Path, device: torch.device, dtype: str | None) -> tuple[Any, list[str]]:
    """The model, and what in the folder was not used."""
    config = _call(folder, lambda: transformers.AutoConfig.from_pretrained(folder, **SAFE))
    if getattr(config, "quantization_config", None):
        raise UserError(f"{folder / 'config.json'}: quantised weights are not supported; take the unquantised model")
    stored = getattr(config, "dtype", None) or getattr(config.get_text_config(), "dtype", None)
    torch_dtype = choose_dtype(dtype, device, str(stored).removeprefix("torch."))
    prepare_device(device, torch_dtype)
    model, loaded = _call(
        folder,
        lambda: AutoModelForImageTextToText.from_pretrained(
            folder,
            config=config,
            dtype=torch_dtype,
            use_safetensors=True,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
            **SAFE,
        ),
    )
    for name in sorted(loaded["missing_keys"]):  # transformers would draw it at random
        raise UserError(f"{folder}: tensor {name} is missing from the weights")
    for name, *_ in sorted(loaded["mismatched_keys"]):
        raise UserError(f"{folder}: tensor {name} has another shape than config.json asks for")
    unused = loaded["unexpected_keys"]
    notes = [f"{pluralize(len(unused), 'tensor')} not used ({min(unused)}, ...)"] if unused else []
    return model.to(device).eval().requires_grad_(False), notes


def _own_template(processor: Any, folder: Path) -> str:
    """The chat template that comes with a processor, else with its tokenizer. Raises UserError if there is none."""
    for owner in (processor, processor.tokenizer):
        template = getattr(owner, "chat_template", None)
        if isinstance(template, dict):
            template = template.get("default")
        if isinstance(template, str) and template:
            return template
    raise UserError(f"{folder} has no chat template; give one by --model-option chat_template=FILE (Jinja)")


def _greedy(own: GenerationConfig, tokenizer: Any) -> GenerationConfig:
    """The model's generation config without sampling and beams; the tokenizer's end id where it has none."""
    settings = own.to_dict()
    for name in ("temperature", "top_p", "top_k", "min_p", "typical_p", "max_length", "max_new_tokens"):
        settings[name] = None
    config = GenerationConfig.from_dict(settings | {"do_sample": False, "num_beams": 1, "num_return_sequences": 1})
    if config.eos_token_id is None:
        config.eos_token_id = tokenizer.eos_token_id
    if config.pad_token_id is None:
        config.pad_token_id = tokenizer.pad_token_id
    return config


def _call(folder: Path, load: Callable[[], ResultT]) -> ResultT:
    """What transformers loads. Its exceptions are of every kind, its messages long."""
    try:
        return load()
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{folder}: transformers cannot load it: {error_message(error):.400}") from error
