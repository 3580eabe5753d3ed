"""The language model's tokenizer: the ids of transformers' slow LlamaTokenizer (version 4), on SentencePiece alone.

The reference was trained and evaluated with it; the fast tokenizers that replaced it differ around spaces and special
tokens. Texts are split at added tokens, and SentencePiece encodes the pieces between. With `legacy: false` only the
text's start gets a prefix space, with `legacy: true` (the default) every piece does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

import sentencepiece
from pydantic import BeforeValidator, Field

from emma_eval.errors import SampleError, UserError
from emma_eval.models.checkpoints.hf_config import Array, HFConfig, parse_config
from emma_eval.models.llama.prefix_trie import IMAGE_ID
from emma_eval.types import IMAGE_MARKER
from emma_eval.utils.files import read_bytes
from emma_eval.utils.json_io import read_json_object
from emma_eval.utils.text import replace_surrogates

IMAGE_PATCH = "<im_patch>"
SPACE = "▁"
# Appended to a serialised model it is merged: normalizer_spec (field 3) { add_dummy_prefix (field 3): false }.
NO_DUMMY_PREFIX = b"\x1a\x02\x18\x00"


def _content(token: Any) -> Any:
    """A token's text, which newer files write as a dictionary with its content."""
    return token.get("content") if isinstance(token, dict) else token


Token = Annotated[str, BeforeValidator(_content)]
OptionalToken = Annotated[str | None, BeforeValidator(_content)]


class TokenizerConfig(HFConfig):
    """tokenizer_config.json, with the defaults of version 4; special_tokens_map.json has some of the keys, too."""

    legacy: bool = True
    bos_token: OptionalToken = "<s>"  # noqa: S105 (no passwords)
    eos_token: OptionalToken = "</s>"  # noqa: S105
    unk_token: OptionalToken = "<unk>"  # noqa: S105
    sep_token: OptionalToken = None
    pad_token: OptionalToken = None
    cls_token: OptionalToken = None
    mask_token: OptionalToken = None
    additional_special_tokens: Array[OptionalToken] = ()
    added_tokens_decoder: dict[Annotated[int, Field(strict=False, ge=0)], Token] = Field(default_factory=dict)

    @property
    def special_tokens(self) -> list[str]:
        """All special tokens, in the order in which version 4 adds them."""
        tokens = (
            *(self.bos_token, self.eos_token, self.unk_token, self.sep_token),
            *(self.pad_token, self.cls_token, self.mask_token),
            *self.additional_special_tokens,
        )
        return [token for token in tokens if token]


class LlamaTokenizer:
    """Text to ids and back, for a folder with tokenizer.model."""

    image_marker: ClassVar[str] = IMAGE_MARKER  # stands in a prompt where an image goes

    def __init__(self, folder: Path) -> None:
        config = _read_config(folder)
        self.legacy = config.legacy
        self.sentencepiece = _load_sentencepiece(folder / "tokenizer.model", prefix_space=self.legacy)
        self.added_tokens = _read_added_tokens(folder, config)  # text -> id
        _require_texts(folder, (*self.added_tokens, *config.special_tokens, config.unk_token or ""))
        outside = next((token for token, index in self.added_tokens.items() if not 0 <= index < len(self)), None)
        if outside is not None:
            raise UserError(
                f"{folder}: the added token {outside!r:.60} has the id {self.added_tokens[outside]!r:.20}, but there "
                f"are {len(self):,} ids; tokenizer.model and the added tokens are not of one model"
            )
        self.special_ids: set[int] = set()
        for token in config.special_tokens:
            self.add_special(token)
        self.bos_id = self._id(config.bos_token or "<s>")
        self.unk_token = config.unk_token or "<unk>"

    def __len__(self) -> int:
        """How many ids there are, added tokens included: the size of the model's vocabulary."""
        pieces = self.sentencepiece.get_piece_size()
        return int(pieces + sum(index >= pieces for index in set(self.added_tokens.values())))

    def is_piece(self, index: int) -> bool:
        """Whether an id is of tokenizer.model, rather than of a token added to it."""
        return index < int(self.sentencepiece.get_piece_size())

    def add_special(self, token: str) -> None:
        """Add a special token, which decoding skips. It gets a new id unless it has one."""
        index = self._id(token)
        self.added_tokens[token] = len(self) if index is None else index
        self.special_ids.add(self.added_tokens[token])

    def encode_prompt(self, prompt: str) -> list[int]:
        """A prompt's ids: BOS, then the pieces between image markers with IMAGE_ID at each marker."""
        ids = [self.bos_id] if self.bos_id is not None else []
        for index, text in enumerate(prompt.split(self.image_marker)):
            ids += ([IMAGE_ID] if index else []) + self.encode(text)
        return ids

    def encode(self, text: str) -> list[int]:
        """A text's ids, without BOS."""
        if not self.legacy and text:
            text = SPACE + text.replace(SPACE, " ")
        ids: list[int] = []
        for piece in self._split_at_added(text):
            ids += [self.added_tokens[piece]] if piece in self.added_tokens else self._encode_piece(piece)
        if not self.legacy and len(ids) > 1 and ids[0] == self._id(SPACE) and ids[1] in self.special_ids:
            return ids[1:]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Ids to text. Special tokens are skipped, and white space at both ends is stripped.

        Raises SampleError for an id that has no text: some models have more ids than their tokenizer.
        """
        texts: list[str] = []
        pieces: list[str] = []  # of SentencePiece, since the last added token
        added = {index: token for token, index in self.added_tokens.items()}
        for index in ids:
            if index in self.special_ids:
                continue
            if index in added:
                texts += [self._join(pieces), added[index]]
                pieces = []
            elif self.is_piece(index):
                pieces.append(self.sentencepiece.id_to_piece(index))
            else:
                raise SampleError(f"the answer holds the id {index}, for which the tokenizer has no text")
        texts.append(self._join(pieces))
        return " ".join(text for text in texts if text).strip()

    def _split_at_added(self, text: str) -> list[str]:
        """Split at added tokens, which become pieces of their own; of several at one position the longest."""
        tokens = sorted(self.added_tokens, key=len, reverse=True)
        return [part for part in re.split(f"({'|'.join(map(re.escape, tokens))})", text) if part]

    def _encode_piece(self, text: str) -> list[int]:
        ids: list[int] = self.sentencepiece.encode(text)
        if self.legacy or not text.startswith((SPACE, " ")):
            return ids
        # SentencePiece may strip a leading space; behind `<unk>` it cannot.
        unk_length = len(self.sentencepiece.encode(self.unk_token))
        return list(self.sentencepiece.encode(self.unk_token + text))[unk_length:]

    def _join(self, pieces: list[str]) -> str:
        if not pieces:
            return ""
        return str(self.sentencepiece.decode([pieces[0].removeprefix(SPACE), *pieces[1:]]))

    def _id(self, token: str) -> int | None:
        if token in self.added_tokens:
            return self.added_tokens[token]
        index = self.sentencepiece.piece_to_id(token)
        return index if self.sentencepiece.id_to_piece(index) == token else None


def _require_texts(folder: Path, tokens: Iterable[str]) -> None:
    """Raise UserError for a token with half a surrogate pair, which JSON can spell and SentencePiece cannot take."""
    if broken := [token for token in tokens if replace_surrogates(token) != token]:
        raise UserError(f"{folder}: the token {broken[0]!r:.60} is no text: it has half of a surrogate pair")


def _read_config(folder: Path) -> TokenizerConfig:
    path, map_path = folder / "tokenizer_config.json", folder / "special_tokens_map.json"
    content = read_json_object(path) if path.is_file() else {}
    if "added_tokens_decoder" not in content and map_path.is_file():  # before version 4.34 the map had the last word
        special_tokens = read_json_object(map_path)
        parse_config(TokenizerConfig, special_tokens, map_path)  # for errors that name this file
        content = content | special_tokens
    return parse_config(TokenizerConfig, content, path)


def _read_added_tokens(folder: Path, config: TokenizerConfig) -> dict[str, int]:
    """Added tokens and their ids, from tokenizer_config.json or, in older folders, from added_tokens.json."""
    path = folder / "added_tokens.json"
    if config.added_tokens_decoder or not path.is_file():
        return {token: index for index, token in config.added_tokens_decoder.items()}
    added = read_json_object(path)
    for token, index in added.items():
        if not isinstance(index, int) or isinstance(index, bool):
            raise UserError(f"{path}: the id of the added token {token!r:.60} must be an integer, not {index!r:.60}")
    return added


def _load_sentencepiece(path: Path, prefix_space: bool) -> sentencepiece.SentencePieceProcessor:
    stored = read_bytes(path)
    if not stored:
        raise UserError(f"{path} is empty; it should be a SentencePiece model")
    try:
        model = sentencepiece.SentencePieceProcessor(model_proto=stored + (b"" if prefix_space else NO_DUMMY_PREFIX))
    except (RuntimeError, OSError) as error:
        raise UserError(f"{path} is not a readable SentencePiece model") from error
    if not 0 <= model.unk_id() < model.get_piece_size():
        raise UserError(
            f"{path} is damaged: none of its {model.get_piece_size():,} pieces stands for unknown text; copy it again"
        )
    return model
