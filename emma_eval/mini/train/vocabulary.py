"""The mini language model's tokenizer: SentencePiece BPE with LLaMA's settings, trained on the world's prompts.

Fixed sentences of the prompts (system text, suffixes) are one piece each, which keeps prompts short; unknown text
falls back to bytes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path

import sentencepiece

SIZE = 640
SENTENCES = (
    "A chat between a curious user and an artificial intelligence assistant.",
    "The assistant gives helpful, detailed, and polite answers to the user's questions.",
    "Answer the question using a single word or phrase.",
    "Answer with the option's letter from the given choices directly.",
    "When the provided information is insufficient, respond with 'Unanswerable'.",
    "Answer with the option\N{RIGHT SINGLE QUOTATION MARK}s letter from the given choices directly.",  # mPLUG-Owl2's
    "Provide a one-sentence caption for the provided image.",
)
SETTINGS = {
    "tokenizer_class": "LlamaTokenizer",
    "add_bos_token": True,
    "add_eos_token": False,
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<unk>",
    "legacy": True,
    "model_max_length": 512,
}


def learn_tokenizer(texts: Iterable[str], folder: Path) -> None:
    """Write tokenizer.model and tokenizer_config.json into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        model_type="bpe",
        vocab_size=SIZE,
        byte_fallback=True,
        character_coverage=1.0,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        split_digits=False,
        user_defined_symbols=[sentence.replace(" ", "▁") for sentence in SENTENCES],
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
    )
    (folder / "tokenizer.model").write_bytes(model.getvalue())
    (folder / "tokenizer_config.json").write_text(json.dumps(SETTINGS, indent=2) + "\n")
