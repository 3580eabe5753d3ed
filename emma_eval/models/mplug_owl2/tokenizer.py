"""How mPLUG-Owl2 splits a prompt at its images."""

from __future__ import annotations

from typing import ClassVar

from emma_eval.models.checkpoints.templates import IMAGE_MARKERS
from emma_eval.models.llama.prefix_trie import IMAGE_ID
from emma_eval.models.llama.tokenizer import LlamaTokenizer


class MPlugOwl2Tokenizer(LlamaTokenizer):
    """LLaMA's tokenizer with the marker `<|image|>`, which is no token."""

    image_marker: ClassVar[str] = IMAGE_MARKERS["mplug_owl2"]

    def encode_prompt(self, prompt: str) -> list[int]:
        """The begin id, then the pieces between image markers with IMAGE_ID at each marker.

        A prompt that begins with a marker has no begin id before it but one before every piece of text, as in the
        authors' code.
        """
        first, *rest = ([] if not text else self.encode(text) for text in prompt.split(self.image_marker))
        begin = [] if self.bos_id is None else [self.bos_id]
        ids = begin + first if first else []
        for piece in rest:
            ids += [IMAGE_ID, *(piece if first or not piece else begin + piece)]
        return ids
