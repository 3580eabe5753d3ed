"""One hash over all files that decide how a checkpoint answers: weights, tokenizer, configuration, CLIP."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from emma_eval.models.checkpoints.folders import (
    OPEN_CLIP_PREFIX,
    model_folder,
    open_clip_names,
    vision_tower_folder,
    weight_files,
)
from emma_eval.models.checkpoints.parts import find_parts
from emma_eval.models.checkpoints.unsupported import ADAPTER_CONFIG, NON_LORA
from emma_eval.models.emma.config import read_config
from emma_eval.models.emma.converted_config import is_conversion, read_conversion
from emma_eval.utils.cache import cached_sha256
from emma_eval.utils.json_io import read_json_object

CHECKPOINT_FILES = (
    "config.json", "generation_config.json", "vision_tower.bin", "tokenizer.model", "tokenizer.json",
    "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip
CONVERSION_FILES = ("processor_config.json", "preprocessor_config.json", "chat_template.json", "chat_template.jinja")
TOWER_FILES = ("config.json", "preprocessor_config.json")


def weights_fingerprint(name_or_path: str | Path, base: str | None = None, alignment: str | None = None) -> str:
    """The hex SHA-256 over a checkpoint's files, its base's and its vision tower's, wherever they are.

    `base` and `alignment` are the model options of a LoRA or projector folder. Files count by name, role and content:
    the same checkpoint in another folder has the same fingerprint.

    Raises UserError for a missing file, like `load_model`, and for unsupported models before gigabytes are read.
    """
    folder = model_folder(str(name_or_path))
    if is_conversion(read_json_object(folder / "config.json")):
        read_conversion(folder)
        return folder_fingerprint(folder, *CONVERSION_FILES)
    parts = find_parts(folder, base, alignment)
    tower = read_config(folder, parts.base).llava.mm_vision_tower
    total = hashlib.sha256()
    if parts.base != folder:  # LoRA or projector alone
        total.update(b"alignment=base" if parts.base_alignment else b"")  # an option that no file tells
        files = _existing_files(folder, ("config.json", "vision_tower.bin", ADAPTER_CONFIG, NON_LORA))
        trained = parts.adapter.weights if parts.adapter else parts.projector
        _add(total, "adapter", [*files, *filter(None, [trained])])
    _add(total, "checkpoint", _existing_files(parts.base, CHECKPOINT_FILES) + weight_files(parts.base))
    if tower.startswith(OPEN_CLIP_PREFIX):
        architecture, pretrained = open_clip_names(tower, folder)
        if Path(pretrained).is_file():
            total.update(architecture.encode())
            _add(total, "tower", [Path(pretrained)])
        else:
            total.update(tower.encode())  # open_clip's tag always means the same weights
    else:
        tower_path = vision_tower_folder(tower, folder, parts.base)
        _add(total, "tower", _existing_files(tower_path, TOWER_FILES) + weight_files(tower_path))
    return total.hexdigest()


def folder_fingerprint(folder: Path, *more_files: str, notes: Iterable[str] = ()) -> str:
    """The hex SHA-256 over the files of a checkpoint that is all in one folder, and over `notes`."""
    total = hashlib.sha256()
    _add(total, "checkpoint", _existing_files(folder, (*CHECKPOINT_FILES, *more_files)) + weight_files(folder))
    total.update(" ".join(notes).encode())
    return total.hexdigest()


def _existing_files(folder: Path, names: Iterable[str]) -> list[Path]:
    return [folder / name for name in names if (folder / name).is_file()]


def _add(total: hashlib._Hash, role: str, files: Iterable[Path]) -> None:
    """Add each file's role, name and hash, in the order of paths."""
    for path in sorted(files):
        total.update(f"{role}/{path.name} {cached_sha256(path)}\n".encode())
