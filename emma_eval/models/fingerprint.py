"""One hash that stands for all that makes a checkpoint answer as it does: weights, tokenizer, configuration, CLIP."""

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
from emma_eval.models.emma.config import read_config
from emma_eval.utils.cache import cached_sha256

CHECKPOINT_FILES = (
    "config.json", "generation_config.json", "vision_tower.bin", "tokenizer.model", "tokenizer.json",
    "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip
TOWER_FILES = ("config.json", "preprocessor_config.json")


def weights_fingerprint(name_or_path: str | Path) -> str:
    """Hexadecimal SHA-256 over a checkpoint's files and its vision tower's; where they lie does not matter.

    Raises UserError where `load_model` would for want of a file.
    """
    folder = model_folder(str(name_or_path))
    tower = read_config(folder).llava.mm_vision_tower  # refuses unsupported models before gigabytes are read
    total = hashlib.sha256()
    _add(total, "checkpoint", _present(folder, CHECKPOINT_FILES) + weight_files(folder))
    if tower.startswith(OPEN_CLIP_PREFIX):
        architecture, pretrained = open_clip_names(tower, folder)
        if Path(pretrained).is_file():
            total.update(architecture.encode())
            _add(total, "tower", [Path(pretrained)])
        else:
            total.update(tower.encode())  # a tag of open_clip's always means the same weights
    else:
        tower_path = vision_tower_folder(tower, folder)
        _add(total, "tower", _present(tower_path, TOWER_FILES) + weight_files(tower_path))
    return total.hexdigest()


def _present(folder: Path, names: Iterable[str]) -> list[Path]:
    return [folder / name for name in names if (folder / name).is_file()]


def _add(total: hashlib._Hash, role: str, files: Iterable[Path]) -> None:
    for path in sorted(files):
        total.update(f"{role}/{path.name} {cached_sha256(path)}\n".encode())
