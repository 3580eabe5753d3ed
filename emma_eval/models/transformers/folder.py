"""The files of a folder that transformers loads: which are refused, and one hash over those that decide the answers.

Imports no torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.folders import model_folder, weight_files
from emma_eval.models.checkpoints.paths import expand_user
from emma_eval.utils.cache import cached_sha256
from emma_eval.utils.files import read_text
from emma_eval.utils.json_io import read_json_object

VOCABULARIES = ("tokenizer.json", "vocab.json", "added_tokens.json")
SETTINGS = ("*.json", "*.jinja", "*.txt", "tokenizer.model")  # of model, processor, tokenizer, generation


def transformers_folder(source: str) -> Path:
    """The folder of a path or a hub name. Raises UserError unless it holds a whole model in safetensors."""
    if not source:
        raise UserError("hf:PATH names the folder or the hub repository (ORG/NAME) of a model of transformers")
    folder = model_folder(source)
    if pickled := [path for path in weight_files(folder) if path.suffix != ".safetensors"]:
        raise UserError(
            f"{pickled[0]} holds pickled weights, and hf: reads safetensors alone; "
            "save them again by transformers' save_pretrained"
        )
    if not isinstance(read_json_object(folder / "config.json").get("model_type"), str):
        raise UserError(f"{folder / 'config.json'} has no model_type; hf: reads what save_pretrained writes")
    return folder


def refuse_control_characters(folder: Path) -> None:
    """Raise UserError for a key with control characters in a settings file: libraries print unknown ones."""
    for path in sorted(folder.glob("*.json")):
        try:
            content = msgspec.json.decode(path.read_bytes())
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OSError):  # whoever reads the file tells
            continue
        if path.name in VOCABULARIES:  # whose keys are tokens
            content = content.get("added_tokens") if isinstance(content, dict) else None
        if key := next((key for key in _keys(content) if not key.isprintable()), ""):
            raise UserError(f"{path}: the key {key!r:.60} holds control characters")


def _keys(content: Any) -> Iterator[str]:
    for value in content if isinstance(content, list) else content.values() if isinstance(content, dict) else ():
        yield from _keys(value)
    yield from content if isinstance(content, dict) else ()


def read_chat_template(path: str | None) -> str | None:
    """The text of a chat template's file. Raises UserError if it cannot be read."""
    return None if path is None else read_text(expand_user(path))


def transformers_fingerprint(source: str, chat_template: str | None) -> str:
    """The hex SHA-256 over a folder's weights and settings, and over a chat template that replaces its own.

    Raises UserError like `transformers_folder`.
    """
    folder = transformers_folder(source)
    files = {path for pattern in SETTINGS for path in folder.glob(pattern) if path.is_file()}
    digest = hashlib.sha256(b"transformers\n")
    for path in sorted(files | set(weight_files(folder))):
        digest.update(f"{path.name} {cached_sha256(path)}\n".encode())
    digest.update((read_chat_template(chat_template) or "").encode())
    return digest.hexdigest()
