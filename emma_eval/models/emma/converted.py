"""LLaVA as transformers converts it: the same model under other names, in one folder, computed by our engine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from emma_eval.errors import SampleError, UserError
from emma_eval.models.checkpoints.devices import choose_device, choose_dtype, prepare_device
from emma_eval.models.checkpoints.folders import weight_files
from emma_eval.models.checkpoints.generation_config import require_in_vocabulary
from emma_eval.models.checkpoints.names import PROJECTOR_PREFIX
from emma_eval.models.checkpoints.paths import is_regular_file
from emma_eval.models.checkpoints.state_dict import load_parameters, read_tensors
from emma_eval.models.checkpoints.templates import TEMPLATES, TemplateChoice, choose_template, render_prompt
from emma_eval.models.checkpoints.unused_tensors import is_clip_tensor, refuse_quantised, refuse_unused
from emma_eval.models.clip.image_processor import parse_processor
from emma_eval.models.clip.weights import build_towers, num_layers_up_to
from emma_eval.models.emma.alignment import build_projector
from emma_eval.models.emma.converted_config import Conversion, read_conversion
from emma_eval.models.emma.description import describe_model, describe_window
from emma_eval.models.emma.fast_tokenizer import FastTokenizer
from emma_eval.models.emma.model import EmmaModel
from emma_eval.models.emma.options import LoadOptions
from emma_eval.models.llama.weights import LM_HEAD, all_stored_names, load_llama
from emma_eval.models.multimodal.runner import ModelRunner
from emma_eval.models.transformers.chat_template import ChatTemplate
from emma_eval.types import IMAGE_MARKER
from emma_eval.utils.files import read_text
from emma_eval.utils.json_io import read_json_object

# A conversion's names, before and since transformers 4.52, and those of LLaVA's own checkpoints and of CLIP's.
RENAMED = (
    (re.compile(r"^(language_model\.lm_head|lm_head)\."), "lm_head."),
    (re.compile(r"^(language_model\.model|model\.language_model|language_model)\."), "model."),
    (re.compile(r"^(model\.)?multi_modal_projector\.linear_1\."), f"{PROJECTOR_PREFIX}0."),
    (re.compile(r"^(model\.)?multi_modal_projector\.linear_2\."), f"{PROJECTOR_PREFIX}2."),
    (re.compile(r"^(model\.)?vision_tower\.vision_model\."), "vision_model."),
)
PROBE = f"{IMAGE_MARKER}\nWhat is it?"  # by which a chat template is told from others


def load_converted(folder: Path, template: TemplateChoice | None, options: LoadOptions) -> ModelRunner[EmmaModel]:
    """Load a folder that transformers wrote. `template` is the user's; without one the folder's chat template counts.

    Raises UserError for a missing file, a missing or misshapen tensor, an unsupported setting, and for a chat template
    that is none of those known here.
    """
    conversion = read_conversion(folder)
    config = conversion.config
    device = choose_device(options.device)
    dtype = choose_dtype(options.dtype, device, config.llava.torch_dtype)
    prepare_device(device, dtype)
    image_size, squaring = conversion.vision.image_size, config.llava.squaring
    processor = parse_processor(conversion.image_settings, conversion.image_settings_path, image_size, squaring)
    tokenizer = FastTokenizer(folder, conversion.image_token_id)
    template = template or _template_of(folder, tokenizer)
    require_in_vocabulary(config.eos_ids, config.llama.vocab_size, config.path)
    files = weight_files(folder)
    source = files[0] if len(files) == 1 else folder
    model = _build(conversion, _read_renamed(files, source), source, torch.empty(0, dtype=dtype, device=device))
    window = getattr(config.llama, "sliding_window", None)
    model.llama.sliding_window = window
    description = describe_model(config, "its own", dtype, device)
    notes = [description, "transformers' layout", str(template), describe_window(window, applied=True)]
    return ModelRunner(
        model=model.to(device, dtype).eval().requires_grad_(False),
        tokenizer=tokenizer,
        processor=replace(processor, fast=options.fast_preprocess),
        eos_ids=config.eos_ids,
        max_length=None,
        family="llava",
        template=template.name,
        summary="; ".join(filter(None, notes)),
    )


def _read_renamed(files: list[Path], source: Path) -> dict[str, Tensor]:
    """The tensors under LLaVA's own names. Raises UserError for two of one name."""
    stored = read_tensors(files)
    refuse_quantised(stored, source)
    tensors: dict[str, Tensor] = {}
    for name, tensor in stored.items():
        pattern, new = next(((old, new) for old, new in RENAMED if old.match(name)), (None, ""))
        key = pattern.sub(new, name) if pattern else name
        if key in tensors:
            raise UserError(f"{source}: tensor {name} is there under another name too; which is meant is in doubt")
        tensors[key] = tensor
    return tensors


def _build(conversion: Conversion, tensors: Mapping[str, Tensor], source: Path, like: Tensor) -> EmmaModel:
    """The model with all rows of its vocabulary. Raises UserError for tensors that do not fit or that nothing reads."""
    config, vision = conversion.config, conversion.vision
    layers = vision.num_hidden_layers
    depth = num_layers_up_to(config.llava.mm_vision_select_layer, layers, "vision_feature_layer", config.path)
    towers = build_towers(vision.model_copy(update={"num_hidden_layers": depth}), None, tensors, source)
    llama = load_llama(config.llama, tensors, source, config.llama.vocab_size, like)
    projector = build_projector(config.llava.mm_projector_type, towers.vision_width, config.llama.hidden_size)
    load_parameters(projector, tensors, source, PROJECTOR_PREFIX)
    used = all_stored_names(llama) | {PROJECTOR_PREFIX + name for name in projector.state_dict()} | {LM_HEAD}
    refuse_unused((name for name in tensors if name not in used and not is_clip_tensor(name, layers, 0)), source)
    return EmmaModel(config, towers, None, projector, llama)


def _template_of(folder: Path, tokenizer: FastTokenizer) -> TemplateChoice:
    """The conversation template that gives what the folder's chat template gives; the default if it has none.

    Raises UserError for a chat template that is none of ours.
    """
    path, text = _chat_template(folder)
    if not text:
        return choose_template(None, None)
    tokens = tokenizer.tokenizer.special_tokens_map
    try:
        prompt = ChatTemplate(text, tokens).render(PROBE).removeprefix(tokens.get("bos_token", ""))
    except SampleError:
        prompt = ""
    for name in TEMPLATES:
        if prompt and prompt == render_prompt(PROBE, name):
            return TemplateChoice(name, f"as {path.name} has it")
    raise UserError(
        f"{path}: its chat template is none of those known here ({', '.join(TEMPLATES)}): give --model-option "
        f"template=NAME, or --model hf:{folder}, which uses it as it is"
    )


def _chat_template(folder: Path) -> tuple[Path, str]:
    """The file with the chat template, in transformers' order of preference, and its text; empty if there is none."""
    for name in ("processor_config.json", "chat_template.json", "chat_template.jinja", "tokenizer_config.json"):
        path = folder / name
        if not is_regular_file(path):
            continue
        text = read_text(path) if path.suffix == ".jinja" else read_json_object(path).get("chat_template")
        if isinstance(text, list):  # of several by name
            named = [entry for entry in text if isinstance(entry, dict) and entry.get("name") == "default"]
            text = named[0].get("template") if named else ""
        if isinstance(text, str) and text:
            return path, text
    return folder, ""
