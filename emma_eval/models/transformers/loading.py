"""From a folder that `save_pretrained` wrote to a model that answers. No code of the folder is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import torch
import transformers
from transformers import AutoModelForImageTextToText, AutoProcessor
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as KNOWN

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.devices import choose_dtype, prepare_device
from emma_eval.models.transformers.chat_template import choose_dialect
from emma_eval.models.transformers.folder import refuse_control_characters
from emma_eval.models.transformers.generation import greedy_config
from emma_eval.models.transformers.model import TransformersModel
from emma_eval.models.transformers.placement import EXTRA, choose_placement, require_on_gpus
from emma_eval.utils.json_io import read_json_object
from emma_eval.utils.text import error_message, pluralize

SAFE = {"local_files_only": True, "trust_remote_code": False}
OWN_ATTENTION = (None, "eager", "sdpa")  # others are packages, or kernels: code that transformers gets from the hub
ResultT = TypeVar("ResultT")


def load_transformers(
    folder: Path,
    device: str | None = None,
    dtype: str | None = None,
    chat_template: str | None = None,
    device_map: str | None = None,
) -> TransformersModel:
    """Load model, processor and chat template; `chat_template` is a text that replaces the folder's own.

    `device_map` is `auto` for all GPUs. Raises UserError for an unknown model_type, missing or misshapen tensors, no
    chat template or one that does not fit the processor, and for whatever transformers refuses.
    """
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    _require_known(folder)
    refuse_control_characters(folder)
    torch_device = choose_placement(device, device_map)
    processor = _call(folder, lambda: AutoProcessor.from_pretrained(folder, **SAFE))
    tokenizer = getattr(processor, "tokenizer", None)
    if tokenizer is None:
        raise UserError(f"{folder} has no processor of images and text (processor_config.json, tokenizer.json)")
    text = chat_template or _own_template(processor, folder)
    template = choose_dialect(text, tokenizer.special_tokens_map, getattr(processor, "image_token", None))
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model, notes = _load_weights(folder, torch_device, dtype, device_map)
    model.generation_config, settings = _call(folder, lambda: greedy_config(model.generation_config, tokenizer))
    origin = "of --model-option chat_template" if chat_template else "its own"
    kind = f"{type(model).__name__} of transformers {transformers.__version__}, chat template {origin}"
    dtype_name = str(model.dtype).removeprefix("torch.")
    place = f"{torch.cuda.device_count()} GPUs" if device_map else torch_device
    loaded = _call(folder, lambda: TransformersModel(model, processor, template))
    loaded.summary = "; ".join([f"{kind}, {dtype_name} on {place}", *notes, *settings])
    if refusal := loaded.refusal_of_an_image():
        raise UserError(f"{folder}: processor and chat template do not fit together: {refusal}")
    return loaded


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


def _load_weights(
    folder: Path, device: torch.device, dtype: str | None, device_map: str | None
) -> tuple[Any, list[str]]:
    """The model, and what in the folder was not used."""
    config = _call(folder, lambda: transformers.AutoConfig.from_pretrained(folder, **SAFE))
    if getattr(config, "quantization_config", None):
        raise UserError(f"{folder / 'config.json'}: quantised weights are not supported; take the unquantised model")
    stored = getattr(config, "dtype", None) or getattr(config.get_text_config(), "dtype", None)
    torch_dtype = choose_dtype(dtype, device, str(stored).removeprefix("torch."))
    prepare_device(device, torch_dtype)
    notes = _with_own_attention(config)
    model, loaded = _call(
        folder,
        lambda: AutoModelForImageTextToText.from_pretrained(
            folder,
            config=config,
            dtype=torch_dtype,
            device_map=device_map,
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
    notes += [f"{pluralize(len(unused), 'tensor')} not used ({min(unused)}, ...)"] if unused else []
    if device_map:
        require_on_gpus(model)
    else:
        model.to(device)
    return model.eval().requires_grad_(False), notes


def _with_own_attention(config: Any) -> list[str]:
    """Put transformers' own attention and experts in place of others that a config.json names; a note on each."""
    notes = []
    for part in _parts(config):
        for key in ("_attn_implementation", "_experts_implementation"):
            named = getattr(part, key, None)
            if named not in OWN_ATTENTION:
                setattr(part, key, None)
                notes.append(f"{key.removeprefix('_')} {named!r:.60} of config.json not used: transformers' own is")
    return list(dict.fromkeys(notes))


def _parts(config: Any) -> Iterator[Any]:
    """A configuration and those within it."""
    yield config
    for name in getattr(config, "sub_configs", ()):
        if (part := getattr(config, name, None)) is not None:
            yield from _parts(part)


def _own_template(processor: Any, folder: Path) -> str:
    """The chat template that comes with a processor, else with its tokenizer. Raises UserError if there is none."""
    for owner in (processor, processor.tokenizer):
        template = getattr(owner, "chat_template", None)
        if isinstance(template, dict):
            template = template.get("default")
        if isinstance(template, str) and template:
            return template
    raise UserError(f"{folder} has no chat template; give one by --model-option chat_template=FILE (Jinja)")


def _call(folder: Path, load: Callable[[], ResultT]) -> ResultT:
    """What transformers loads. Its exceptions are of every kind, its messages long."""
    try:
        return load()
    except UserError:
        raise
    except Exception as error:
        mend = f"; {EXTRA}" if isinstance(error, ImportError) and "num2words" in str(error) else ""
        raise UserError(f"{folder}: transformers cannot load it: {error_message(error):.400}{mend}") from error
