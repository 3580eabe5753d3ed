"""The language model's tokenizer: the ids of transformers' slow LlamaTokenizer (version 4), on SentencePiece alone.

The reference was trained and evaluated with it; the fast tokenizers that replaced it differ around spaces and special
tokens. What it does: texts are cut at added tokens; the pieces between go to SentencePiece; with `legacy: false` only
the text's start gets a prefix space, with `legacy: true` (the default) every piece does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sentencepiece

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.hf_config import Settings
from emma_eval.models.checkpoints.paths import LFS_POINTER, is_regular
from emma_eval.models.llama.prefix_trie import IMAGE_ID
from emma_eval.types import IMAGE_MARKER
from emma_eval.utils.json_io import read_json_object

IMAGE_PATCH = "<im_patch>"
SPACE = "▁"
CONFIG = "tokenizer_config.json"

DEFAULT_SPECIALS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
SPECIAL_KEYS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
# A serialised message is merged with what follows it: normalizer_spec (field 3) { add_dummy_prefix (field 3): false }.
NO_DUMMY_PREFIX = b"\x1a\x02\x18\x00"


class LlamaTokenizer:
    """Text to ids and back, for a folder with tokenizer.model."""

    def __init__(self, folder: Path) -> None:
        config, specials = _settings(folder)
        self.legacy = Settings(folder / CONFIG, config).take("legacy", bool, True)
        self.sentencepiece = _load(folder / "tokenizer.model", prefix=self.legacy)
        self.added = _added_tokens(folder, config)  # text -> id
        outside = next((token for token, index in self.added.items() if not 0 <= index < len(self)), None)
        if outside is not None:
            raise UserError(
                f"{folder}: the added token {outside!r:.60} has the id {self.added[outside]!r:.20}, but there are "
                f"{len(self):,} ids; tokenizer.model and the added tokens are not of one model"
            )
        self.special_ids: set[int] = set()
        for token in specials:
            self.add_special(token)
        self.bos_id = self._id(_text(config.get("bos_token")) or "<s>")
        self.unk = _text(config.get("unk_token")) or "<unk>"

    def __len__(self) -> int:
        """How many ids there are, added tokens included: the size of the model's vocabulary."""
        pieces = self.sentencepiece.get_piece_size()
        return int(pieces + sum(index >= pieces for index in set(self.added.values())))

    def is_piece(self, index: int) -> bool:
        """Whether an id is of tokenizer.model, rather than of a token added to it."""
        return index < int(self.sentencepiece.get_piece_size())

    def add_special(self, token: str) -> None:
        """Make a text one token that decoding skips, with a new id if it has none yet."""
        known = self._id(token)
        self.added[token] = len(self) if known is None else known
        self.special_ids.add(self.added[token])

    def encode_prompt(self, prompt: str) -> list[int]:
        """A prompt's ids: BOS, then the pieces between image markers with IMAGE_ID at each marker."""
        ids = [self.bos_id] if self.bos_id is not None else []
        for number, piece in enumerate(prompt.split(IMAGE_MARKER)):
            ids += ([IMAGE_ID] if number else []) + self.encode(piece)
        return ids

    def encode(self, text: str) -> list[int]:
        """A text's ids, without BOS."""
        if not self.legacy and text:
            text = SPACE + text.replace(SPACE, " ")
        ids: list[int] = []
        for part in self._cut(text):
            ids += [self.added[part]] if part in self.added else self._encode_part(part)
        if not self.legacy and len(ids) > 1 and ids[0] == self._id(SPACE) and ids[1] in self.special_ids:
            return ids[1:]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Ids to text, special tokens skipped, white space at both ends stripped."""
        texts: list[str] = []
        run: list[str] = []
        names = {index: token for token, index in self.added.items()}
        for index in ids:
            if index in self.special_ids:
                continue
            if index in names:
                texts += [self._join(run), names[index]]
                run = []
            else:
                run.append(self.sentencepiece.id_to_piece(index))
        texts.append(self._join(run))
        return " ".join(text for text in texts if text).strip()

    def _cut(self, text: str) -> list[str]:
        """Split at added tokens, the longest first where several start at one place."""
        tokens = sorted(self.added, key=len, reverse=True)
        return [part for part in re.split(f"({'|'.join(map(re.escape, tokens))})", text) if part]

    def _encode_part(self, text: str) -> list[int]:
        ids: list[int] = self.sentencepiece.encode(text)
        if self.legacy or not text.startswith((SPACE, " ")):
            return ids
        # SentencePiece may strip a leading space; behind `<unk>` it cannot.
        unk_length = len(self.sentencepiece.encode(self.unk))
        return list(self.sentencepiece.encode(self.unk + text))[unk_length:]

    def _join(self, pieces: list[str]) -> str:
        if not pieces:
            return ""
        return str(self.sentencepiece.decode([pieces[0].removeprefix(SPACE), *pieces[1:]]))

    def _id(self, token: str) -> int | None:
        if token in self.added:
            return self.added[token]
        index = self.sentencepiece.piece_to_id(token)
        return index if self.sentencepiece.id_to_piece(index) == token else None


def _settings(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """tokenizer_config.json, completed as version 4 did, and the texts of the special tokens in its order."""
    config, special_map = (
        read_json_object(path) if (path := folder / name).is_file() else {}
        for name in (CONFIG, "special_tokens_map.json")
    )
    if "added_tokens_decoder" not in config:  # written before version 4.34: the map has the last word
        config = config | special_map
    config = DEFAULT_SPECIALS | {key: value for key, value in config.items() if value is not None}
    more = Settings(folder / CONFIG, config).take("additional_special_tokens", list, [])
    texts = [_text(token) for token in (*(config.get(key) for key in SPECIAL_KEYS), *more)]
    if wrong := [text for text in texts if not isinstance(text, str | None)]:
        raise UserError(f"{folder / CONFIG}: a special token must be a text, not {wrong[0]!r:.60}")
    return config, [text for text in texts if text]


def _added_tokens(folder: Path, config: dict[str, Any]) -> dict[str, int]:
    """Added tokens by text, from tokenizer_config.json's decoder or, in older folders, from added_tokens.json."""
    if decoder := Settings(folder / CONFIG, config).take("added_tokens_decoder", dict, {}):
        return {str(_text(token)): _index(index, folder / CONFIG) for index, token in decoder.items()}
    path = folder / "added_tokens.json"
    return {token: _index(index, path) for token, index in read_json_object(path).items()} if path.is_file() else {}


def _index(index: Any, path: Path) -> int:
    """An id, which the decoder has as text."""
    if not re.fullmatch("[0-9]{1,9}", str(index)) or isinstance(index, bool):
        raise UserError(f"{path}: the id of an added token must be an integer, not {index!r:.60}")
    return int(index)


def _text(token: Any) -> str | None:
    """A token's text, whether written as a string or as a dictionary with its content."""
    return token.get("content") if isinstance(token, dict) else token


def _load(path: Path, prefix: bool) -> sentencepiece.SentencePieceProcessor:
    if path.exists() and not is_regular(path):
        raise UserError(f"{path} is no regular file; it should be a SentencePiece model")
    try:
        stored = path.read_bytes()
        if not stored:
            raise UserError(f"{path} is empty; it should be a SentencePiece model")
        if stored.startswith(LFS_POINTER):
            raise UserError(f"{path} is a git-LFS pointer, not the model itself; fetch it with `git lfs pull`")
        return sentencepiece.SentencePieceProcessor(model_proto=stored + (b"" if prefix else NO_DUMMY_PREFIX))
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: the language model's SentencePiece tokenizer") from error
    except (RuntimeError, OSError) as error:
        raise UserError(f"{path} is not a readable SentencePiece model") from error
