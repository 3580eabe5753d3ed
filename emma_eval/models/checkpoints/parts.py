"""Where a checkpoint's parts are: in one folder, or in a LoRA or projector folder and its base. Imports no torch.

A LoRA folder holds adapter_config.json, adapter_model.safetensors (or .bin), config.json and, from LLaVA's and EMMA's
training, non_lora_trainables.bin; a projector folder, of LLaVA's pretraining, config.json and mm_projector.bin. All
else is the base's: weights, tokenizer, generation_config.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.adapters import Adapter, read_adapter_config
from emma_eval.models.checkpoints.folders import existing_folder, model_folder
from emma_eval.models.checkpoints.paths import is_regular_file
from emma_eval.models.checkpoints.unsupported import ADAPTER_CONFIG, PROJECTOR_FILE, holds_projector_alone
from emma_eval.utils.json_io import read_json_object

LLAMA_BASES, MISTRAL_BASES = ("llama", "llava", "llava_llama"), ("mistral", "llava_mistral")
BASES = {"llava": LLAMA_BASES, "llava_llama": LLAMA_BASES, "llava_mistral": MISTRAL_BASES}  # by model_type
# The sizes of a language model. A tensor's shape does not tell all of them.
SIZES = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
ALIGNMENT_FILE = "vision_tower.bin"


@dataclass(frozen=True, slots=True)
class CheckpointParts:
    """Where a checkpoint's parts are."""

    folder: Path  # config.json
    base: Path  # weights, tokenizer, generation_config.json
    adapter: Adapter | None = None
    projector: Path | None = None  # mm_projector.bin of a folder that holds it alone
    base_alignment: bool = False  # EMMA: the base's alignment instead of the one trained with the adapter

    @property
    def alignment_folder(self) -> Path:
        """The folder whose vision_tower.bin holds EMMA's alignment; the base's where the folder has none."""
        use_own = not self.base_alignment and is_regular_file(self.folder / ALIGNMENT_FILE)
        return self.folder if use_own else self.base


def find_parts(folder: Path, base: str | None = None, alignment: str | None = None) -> CheckpointParts:
    """The parts of a checkpoint folder; `base` and `alignment` are the model options of these names.

    Raises UserError for a folder whose base can't be found or does not fit, and for options that do not fit the folder.
    """
    if alignment not in (None, "own", "base"):
        raise UserError(f"--model-option alignment={alignment}: own or base is expected")
    base_alignment = alignment == "base"
    if is_regular_file(folder / ADAPTER_CONFIG):
        adapter = Adapter(folder, read_adapter_config(folder))
        of_base = _base_folder(folder, base, "LoRA adapter", folder / ADAPTER_CONFIG, "base_model_name_or_path")
        return CheckpointParts(folder, of_base, adapter, base_alignment=base_alignment)
    if holds_projector_alone(folder):
        of_base = _base_folder(folder, base, "projector alone", folder / "config.json", "_name_or_path")
        return CheckpointParts(folder, of_base, projector=folder / PROJECTOR_FILE, base_alignment=base_alignment)
    for option, value in (("base", base), ("alignment", alignment)):
        if value is not None:
            raise UserError(
                f"--model-option {option}={value}: {folder} is a whole checkpoint, no LoRA folder ({ADAPTER_CONFIG}) "
                f"and no projector alone ({PROJECTOR_FILE})"
            )
    return CheckpointParts(folder, folder)


def _base_folder(folder: Path, option: str | None, what: str, source: Path, key: str) -> Path:
    """The base that the option names, else the one that `key` of `source` names.

    Raises UserError unless it is a model in the checkpoint's size.
    """
    if option is not None:
        try:
            base = model_folder(option)
        except UserError as error:
            raise UserError(f"--model-option base={option}: {error}") from error
    else:
        value = read_json_object(source).get(key)
        name = value if isinstance(value, str) else ""
        found = existing_folder(name, folder) if name else None
        if found is None:
            raise UserError(
                f"{folder} holds a {what} of {name or 'a base model that it does not name'} ({source.name}), and no "
                "such folder is found: give --model-option base=FOLDER, or a folder with the merged weights"
            )
        base = model_folder(str(found))
    if is_regular_file(base / ADAPTER_CONFIG) or holds_projector_alone(base):
        part = "an adapter" if is_regular_file(base / ADAPTER_CONFIG) else "a projector alone"
        raise UserError(f"{base}: the base of the {what} in {folder} is {part} itself; a whole model is needed")
    _require_fitting(folder / "config.json", base / "config.json")
    return base


def _require_fitting(path: Path, base_path: Path) -> None:
    """Raise UserError for a base that is quantised, or another model than the one that was trained."""
    own, base = read_json_object(path), read_json_object(base_path)
    if quantisation := base.get("quantization_config"):
        method = quantisation.get("quant_method", "") if isinstance(quantisation, Mapping) else quantisation
        raise UserError(f"{base_path}: a quantised base ({method!r:.60}) is not supported; take float16 or bfloat16")
    kind, base_kind = own.get("model_type"), base.get("model_type")
    if isinstance(kind, str) and kind in BASES and base_kind not in BASES[kind]:
        raise UserError(
            f"{base_path}: model_type {base_kind!r:.60} is no base of {kind} in {path} ({', '.join(BASES[kind])})"
        )
    if "text_config" in base:
        raise UserError(f"{base_path}: a conversion for transformers is no base; take the language model itself")
    for key in SIZES:
        if (mine := _size(own, key)) is not None and (theirs := _size(base, key)) is not None and mine != theirs:
            raise UserError(
                f"{base_path}: {key} is {theirs!r:.60}, but {mine!r:.60} in {path}: the base is another one than it "
                "was trained on"
            )


def _size(config: Mapping[str, Any], key: str) -> Any:
    value = config.get(key)
    return config.get("num_attention_heads") if value is None and key == "num_key_value_heads" else value
