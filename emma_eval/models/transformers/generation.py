"""How `generate` decodes: greedily, with what else a model's generation_config.json asks for, each row for itself."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor

from emma_eval.errors import UserError

IDS = ("bos_token_id", "eos_token_id", "pad_token_id")
KEPT = (
    "bad_words_ids", "begin_suppress_tokens", "encoder_no_repeat_ngram_size", "encoder_repetition_penalty",
    "exponential_decay_length_penalty", "min_new_tokens", "no_repeat_ngram_size", "repetition_penalty",
    "sequence_bias", "suppress_tokens",
)  # fmt: skip
LEFT_OUT = ("forced_eos_token_id", "guidance_scale", "min_length", "stop_strings")  # would go by the batch, or fail
WITHOUT_EFFECT: tuple[Any, ...] = (None, 0, 1, [], {})


def greedy_config(own: GenerationConfig, tokenizer: Any) -> tuple[GenerationConfig, list[str]]:
    """A model's generation config without sampling and beams, and notes of what in it changes answers or is left out.

    The tokenizer's end id stands where the model has none. Raises UserError for an id that is none.
    """
    settings = {name: getattr(own, name, None) for name in (*IDS, *KEPT)}
    for name in ("eos_token_id", "pad_token_id"):
        if settings[name] is None:
            settings[name] = getattr(tokenizer, name)
        if not _are_ids(settings[name]):
            raise UserError(
                f"generation_config.json: {name} {settings[name]!r:.60} must be a token's id, or a list of ids"
            )
    config = GenerationConfig(**settings, do_sample=False, num_beams=1, num_return_sequences=1, use_cache=True)
    notes = [f"{name} {settings[name]} of its generation_config.json" for name in KEPT if _matters(settings[name])]
    dropped = [name for name in LEFT_OUT if _matters(getattr(own, name, None))]
    return config, notes + [f"{name} of its generation_config.json is not used" for name in dropped]


def _are_ids(value: object) -> bool:
    """Whether the value is an id or some; None is none."""
    return value is None or all(type(one) is int for one in (value if isinstance(value, list) and value else [value]))


def _matters(value: object) -> bool:
    return value not in WITHOUT_EFFECT


class NotFinite(LogitsProcessor):  # type: ignore[misc]  # transformers is not typed
    """Remembers the rows whose best logit was no finite number at any step."""

    def __init__(self) -> None:
        self.rows: Tensor | bool = False

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """The scores as they are: (B, V). A NaN is the maximum of its row."""
        self.rows = self.rows | ~scores.amax(-1).isfinite()
        return scores


class EndsBarred(LogitsProcessor):  # type: ignore[misc]
    """Bars the end ids in each row until it has so many new ids."""

    def __init__(self, least_new_tokens: Sequence[int], prompt_length: int, eos_ids: Set[int]) -> None:
        self.least, self.most = torch.tensor(least_new_tokens), max(least_new_tokens)
        self.prompt_length, self.ends = prompt_length, torch.tensor(sorted(eos_ids))

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """The scores (B, V), -inf where an end id is barred."""
        count = input_ids.shape[1] - self.prompt_length
        if count >= self.most:
            return scores
        is_end = torch.zeros(scores.shape[1], dtype=torch.bool).index_fill(0, self.ends, True)
        barred = (self.least > count)[:, None] & is_end
        return scores.masked_fill(barred.to(scores.device), -torch.inf)
