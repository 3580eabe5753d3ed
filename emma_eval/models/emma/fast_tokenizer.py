"""The tokenizer of a conversion for transformers: its own, for the folder may hold tokenizer.json alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from emma_eval.errors import UserError
from emma_eval.models.checkpoints.paths import is_regular_file
from emma_eval.models.llama.prefix_trie import IMAGE_ID
from emma_eval.utils.text import error_message


class FastTokenizer:
    """Text to ids and back as transformers does it, with one id for each image."""

    def __init__(self, folder: Path, image_token_id: int) -> None:
        """Raises UserError for a folder without a tokenizer, or whose tokenizer does not have the image token."""
        if not is_regular_file(folder / "tokenizer.json"):
            raise UserError(f"{folder}: tokenizer.json is missing, which a processor's save_pretrained writes")
        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            self._backend = self.tokenizer.backend_tokenizer
        except Exception as error:  # transformers' own are of every kind
            raise UserError(f"{folder}: transformers cannot load its tokenizer: {error_message(error):.300}") from error
        self._backend.no_truncation()  # any thread may encode, so that nothing is set later
        self._backend.no_padding()
        self.image_token_id, self.image_marker = image_token_id, self.tokenizer.convert_ids_to_tokens(image_token_id)
        if self.image_marker is None or self._encode(self.image_marker)[-1:] != [image_token_id]:
            raise UserError(f"{folder}: image_token_index {image_token_id} of config.json is no token of its tokenizer")

    @property
    def bos_id(self) -> int | None:
        """The begin token; None if there is none."""
        index: int | None = self.tokenizer.bos_token_id
        return index

    def encode_prompt(self, prompt: str) -> list[int]:
        """A prompt's ids with those that begin one, and IMAGE_ID at each image marker."""
        return [IMAGE_ID if index == self.image_token_id else index for index in self._encode(prompt)]

    def decode(self, ids: Sequence[int]) -> str:
        """Ids to text. Special tokens are skipped, and white space at both ends is stripped."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True)).strip()

    def _encode(self, text: str) -> list[int]:
        return list(self._backend.encode(text, add_special_tokens=True).ids)
