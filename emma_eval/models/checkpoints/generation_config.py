"""generation_config.json: the ids that end an answer. Imports no torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.hf_config import Array, HFConfig, parse_config
from emma_eval.utils.json_io import read_json_object

DEFAULT_EOS_ID = 2  # LLaMA's </s>
# What changes greedy decoding in the references, which generate by this file; besides null the value that does not.
WITHOUT_EFFECT: dict[str, Any] = {
    "repetition_penalty": 1, "encoder_repetition_penalty": 1, "no_repeat_ngram_size": 0, "min_length": 0,
    "min_new_tokens": 0, "guidance_scale": 1, "bad_words_ids": [], "sequence_bias": {},
    "suppress_tokens": [], "begin_suppress_tokens": [], "forced_bos_token_id": None, "forced_eos_token_id": None,
    "exponential_decay_length_penalty": None, "stop_strings": [],
}  # fmt: skip


def _as_list(ids: Any) -> Any:
    return ids if isinstance(ids, list) else [ids]


TokenIds = Annotated[Array[Annotated[int, Field(ge=0)]], Field(min_length=1), BeforeValidator(_as_list)]


class GenerationConfig(HFConfig):
    """generation_config.json; config.json may have the key, too."""

    eos_token_id: TokenIds | None = None


def read_eos_ids(folder: Path, config: Mapping[str, Any], config_path: Path) -> frozenset[int]:
    """The ids that end an answer: those of the folder's generation_config.json, as in the references, else of `config`.

    `config` is the content of config.json, at `config_path`. Without both the end id is 2. Raises UserError for a
    generation_config.json that asks for another decoding than plain greedy.
    """
    path = folder / "generation_config.json"
    content = read_json_object(path) if path.is_file() else {}
    for key, value in WITHOUT_EFFECT.items():
        if content.get(key) not in (None, value):
            raise UserError(f"{path}: {key} {content[key]!r:.60} is not supported ({value or 'null'} is)")
    generation = parse_config(GenerationConfig, content, path)
    ids = generation.eos_token_id or parse_config(GenerationConfig, config, config_path).eos_token_id
    return frozenset(ids or (DEFAULT_EOS_ID,))


def require_in_vocabulary(eos_ids: Collection[int], vocab_size: int, config_path: Path) -> None:
    """Raise UserError for an end id that the model cannot generate: its answers would never end."""
    if outside := sorted(index for index in eos_ids if index >= vocab_size):
        path = config_path.with_name("generation_config.json")
        raise UserError(
            f"{path if path.is_file() else config_path}: eos_token_id {outside[0]!r:.60} is outside the vocabulary of "
            f"{vocab_size:,} ids, so answers would never end"
        )
